"""Print the results of a check: a line for each step, the first failure, and the next command."""

import contextlib
import re
import time
from collections.abc import Iterator
from textwrap import indent

from rich.text import Text

from workshop.checks.events import Broken, Checked, Collected, Event, Skipped, WorkerReady
from workshop.console import console, say, verbatim
from workshop.course import progress
from workshop.course.lessons import Step
from workshop.course.project import Project
from workshop.runtime import diagnosis

GIVEN = Step("given", "The starter code that you don't edit still works", [], [])


class Report:
    """Prints a run of the checks of `project` as it happens.

    step: if set, only this step is checked. first: the step that is checked and printed first.
    """

    def __init__(self, project: Project, step: str | None, first: str | None = None):
        self.project, self.only, self.first = project, step, first
        lesson = project.lesson
        self.steps = [lesson.step(step)] if step else [*lesson.steps, GIVEN]
        self.steps.sort(key=lambda each: each.id != first)
        self.outcome: dict[str, bool] = {}
        self.skipped: dict[str, list[str]] = {}
        self.failure: Checked | None = None
        self.broken: str | None = None
        self.worker_seconds: float | None = None
        self._began = time.monotonic()
        self._printed: set[str] = set()
        self._status = None
        say(f"{lesson.name} · {project.shown}", style="bold")

    @property
    def passed(self) -> list[str]:
        return [step for step, passed in self.outcome.items() if passed]

    @property
    def failed_step(self) -> str | None:
        """The first step that failed, or None."""
        return self.failure.step if self.failure else None

    @property
    def _only_first(self) -> bool:
        return self.first is not None and self.failed_step == self.first

    @property
    def ok(self) -> bool:
        """Whether everything that was checked has passed, except for optional steps."""
        needed = [step for step in self._expected() if self._counts(step.id)]
        return self.broken is None and all(self.outcome.get(step.id) for step in needed)

    def _counts(self, step: str) -> bool:
        """Return True if a failure of `step` counts. An optional step counts only if it was named."""
        return self.only is not None or not any(each.id == step and each.optional for each in self.steps)

    @contextlib.contextmanager
    def live(self) -> Iterator[None]:
        """Show in the terminal what is being checked during the block."""
        with console.status("Starting …") as self._status:
            yield
        self._status = None

    def take(self, event: Event) -> None:
        """Process an event of the run."""
        match event:
            case Collected():
                self._collected = event.steps
            case WorkerReady():
                self.worker_seconds = event.seconds
            case Checked():
                self._print_before(event.step)
                self.outcome[event.step] = self.outcome.get(event.step, True) and event.passed
                if not event.passed and self.failure is None and self._counts(event.step):
                    self.failure = event
                if self._status:
                    self._status.update(Text(f"{event.step}  {event.about}"))
            case Skipped():
                self.skipped.setdefault(event.why, []).append(event.step)
            case Broken():
                self.broken = event.cause

    def close(self) -> None:
        """Print the remaining lines, the first failure, and the next command."""
        if self.broken and not self.outcome:
            self.nothing_checked([self.broken])
            return
        self._print_before(None)
        if self.broken:
            say("")
            say(indent(self.broken, "  "), "red")
        elif self.failure:
            self._explain(self.failure)
        for why, steps in self.skipped.items():
            say("")
            many = f"{len(steps)} checks were" if len(steps) > 1 else "1 check was"
            say(f"  {many} skipped ({', '.join(dict.fromkeys(steps))}): {why}", "yellow")
        say("")
        for text in self._next():
            say(text)
        say(self._sum(), style="dim")

    def nothing_checked(self, obstacles: list[str]) -> None:
        """Print why the project cannot start, with the line of code, and which steps could not be checked."""
        for obstacle in obstacles:
            say("")
            say(f"  {obstacle}", style="red")
            if place := re.match(r"(\S+\.py):(\d+)", obstacle):
                self._show_code(place[1], int(place[2]))
            if advice := diagnosis.advice(obstacle):
                say(f"  {advice}")
        steps = self.project.lesson.steps
        say("")
        say(f"  The project cannot start, so steps {steps[0].id} to {steps[-1].id} could not be checked.")

    def _show_code(self, name: str, number: int) -> None:
        try:
            lines = (self.project.folder / name).read_text(encoding="utf-8").splitlines()
            verbatim(f"    {number} | {lines[number - 1]}")
        except (OSError, ValueError, IndexError):
            return
        steps = [step.id for step in self.project.lesson.steps if name in step.files]
        if steps:
            say(f"    You edit {name} in step {', '.join(steps)}.", style="dim")

    def _expected(self) -> list[Step]:
        return [step for step in self.steps if step.id in getattr(self, "_collected", [])] or self.steps

    def _print_before(self, step: str | None) -> None:
        """Print the missing lines of all steps before `step`, or of all steps if `step` is None."""
        for each in self._expected():
            if each.id == step:
                return
            if each.id in self._printed or (step is not None and each.id not in self.outcome):
                continue
            if self._only_first and each.id != self.first:
                say(f"  ·       the other steps will be checked when {self.first} passes", style="dim")
                return
            self._printed.add(each.id)
            sign, style, remark = {
                True: ("✓", "green", ""),
                False: ("✗", "red", ""),
                None: ("·", "dim", "   (not reached)"),
            }[self.outcome.get(each.id)]
            if self.outcome.get(each.id) is False and not self._counts(each.id):
                sign, style, remark = "○", "yellow", "   (optional, not passed)"
            line = Text.assemble("  ", (sign, style), f" {each.id:<5} {each.title}", (remark, "dim"))
            say(line, hang=10)

    def _explain(self, failed: Checked) -> None:
        failure, step = failed.failure, failed.step
        say("")
        if failure.unexpected:
            say(f"  Step {step}: your code raised an exception.", "red")
            facts = {"exception": failure.what, **failure.facts, "while": failed.about}
        else:
            name = "The starter code" if step == "given" else f"Step {step}"
            say(indent(f"{name}: {failure.what}", "  "), "red")
            facts = failure.facts
        say("")
        width = max([len(label) for label in facts], default=0)
        for label, fact in facts.items():
            lines = fact.splitlines() or [""]
            say(f"    {label:<{width}}   {lines[0]}", hang=width + 7)
            for line in lines[1:]:
                say(" " * (width + 7) + line)
        if failure.why:
            say("")
            say(indent(failure.why, "  "))
        if failed.printed:
            say("\n  Your code printed:")
            for line in failed.printed:
                verbatim(f"    {line}", style="dim")

    def _next(self) -> Iterator[str]:
        lesson = self.project.lesson
        if self.broken or not self.ok:
            step = self.failed_step
            if step in (None, "given"):
                yield f"  Next: ./workshop diff {self._name()}"
            elif self.project.is_learners:
                from workshop.runtime import docs_address  # imported only after a failure, because it is slow

                place = docs_address.place_of(lesson, lesson.step(step))
                yield f"  Next: ./workshop hint {step}"
                yield f"  Read: {place}"
            else:
                yield f"  Next: ./workshop diff {self._name()}"
        elif not self.project.is_learners:
            return
        elif self.only:
            if following := progress.next_step(lesson, just_passed=self.passed):
                yield f"  Next: step {following.id} · {following.title}"
            else:
                yield f"  All core steps have passed. Check the whole lesson: ./workshop check {lesson.code}"
        else:
            if left := [
                step.id for step in self._expected() if step.optional and not self.outcome.get(step.id)
            ]:
                yield f"  Optional steps left: {', '.join(left)}. Check one: ./workshop check {left[0]}"
            if lesson.next:
                yield f"  Lesson {lesson.code} is done. Next: ./workshop start {lesson.next.code}"
            else:
                yield f"  Lesson {lesson.code} is done. That was the last lesson."

    def _name(self) -> str:
        return self.project.lesson.code if self.project.is_learners else self.project.shown

    def _sum(self) -> str:
        lesson = self.project.lesson
        worker = f" · worker ready in {self.worker_seconds:.1f} s" if self.worker_seconds else ""
        only = self.first if self._only_first else self.only
        steps = f"step {only}" if only else progress.summary(lesson, self.passed)
        return f"  {steps} · {time.monotonic() - self._began:.1f} s{worker}"
