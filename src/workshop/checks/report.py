"""What a check prints: one line per step, the first failure in the learner's words, the next command."""

import contextlib
import re
import time
from collections.abc import Iterator
from textwrap import indent

from rich.text import Text

from workshop.console import console, say, verbatim
from workshop.course import progress
from workshop.course.lessons import Step
from workshop.course.project import Project
from workshop.runtime import diagnosis

GIVEN = Step("given", "The starter code that you don't edit still works", [], [])


class Report:
    """One run of the checks of `project` (of `step` alone, where it is given), as it happens.

    first: the step that is checked before the others, and so printed first.
    """

    def __init__(self, project: Project, step: str | None, first: str | None = None):
        self.project, self.only, self.first = project, step, first
        lesson = project.lesson
        self.steps = [lesson.step(step)] if step else [*lesson.steps, GIVEN]
        self.steps.sort(key=lambda each: each.id != first)
        self.outcome: dict[str, bool] = {}
        self.left_out: dict[str, list[str]] = {}
        self.failure: dict | None = None
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
        """The first step that failed; None when none did."""
        return self.failure["step"] if self.failure else None

    @property
    def _only_first(self) -> bool:
        return self.first is not None and self.failed_step == self.first

    @property
    def ok(self) -> bool:
        """True when nothing that was checked failed, optional steps aside."""
        needed = [step for step in self._expected() if self._counts(step.id)]
        return self.broken is None and all(self.outcome.get(step.id) for step in needed)

    def _counts(self, step: str) -> bool:
        """Whether the check fails with `step`: an optional one has to be asked for."""
        return self.only is not None or not any(each.id == step and each.optional for each in self.steps)

    @contextlib.contextmanager
    def live(self) -> Iterator[None]:
        """While the checks run a terminal shows what is being looked at."""
        with console.status("Starting …") as self._status:
            yield
        self._status = None

    def take(self, event: dict) -> None:
        """Take in one event of the run."""
        match event["event"]:
            case "collected":
                self._collected = event["steps"]
            case "worker":
                self.worker_seconds = event["seconds"]
            case "check":
                self._print_before(event["step"])
                self.outcome[event["step"]] = self.outcome.get(event["step"], True) and event["passed"]
                if not event["passed"] and self.failure is None and self._counts(event["step"]):
                    self.failure = event
                if self._status:
                    self._status.update(Text(f"{event['step']}  {event['about']}"))
            case "left out":
                self.left_out.setdefault(event["why"], []).append(event["step"])
            case "broken":
                self.broken = event["cause"]

    def close(self) -> None:
        """Print the lines that are left, the first failure, and what to type next."""
        if self.broken and not self.outcome:
            self.nothing_checked([self.broken])
            return
        self._print_before(None)
        if self.broken:
            say("")
            say(indent(self.broken, "  "), "red")
        elif self.failure:
            self._explain(self.failure)
        for why, steps in self.left_out.items():
            say("")
            many = f"{len(steps)} checks were" if len(steps) > 1 else "1 check was"
            say(f"  {many} skipped ({', '.join(dict.fromkeys(steps))}): {why}", "yellow")
        say("")
        for text in self._next():
            say(text)
        say(self._sum(), style="dim")

    def nothing_checked(self, obstacles: list[str]) -> None:
        """The project cannot start: say why, with the line of code, and which steps that stops."""
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
        """Print the lines of all steps before `step` that are not printed yet; None prints all."""
        for each in self._expected():
            if each.id == step:
                return
            if each.id in self._printed or (step is not None and each.id not in self.outcome):
                continue
            if self._only_first and each.id != self.first:
                say(f"  ·       the other steps are checked once {self.first} passes", style="dim")
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

    def _explain(self, failure: dict) -> None:
        complaint, step = failure["complaint"], failure["step"]
        say("")
        if complaint.get("unexpected"):
            say(f"  Step {step}: your code raised an exception.", "red")
            facts = {"exception": complaint["what"], **complaint["facts"], "while": failure["about"]}
        else:
            name = "The starter code" if step == "given" else f"Step {step}"
            say(indent(f"{name}: {complaint['what']}", "  "), "red")
            facts = complaint["facts"]
        say("")
        width = max([len(label) for label in facts], default=0)
        for label, fact in facts.items():
            lines = fact.splitlines() or [""]
            say(f"    {label:<{width}}   {lines[0]}", hang=width + 7)
            for line in lines[1:]:
                say(" " * (width + 7) + line)
        if complaint["why"]:
            say("")
            say(indent(complaint["why"], "  "))
        if failure.get("printed"):
            say("\n  Your code printed:")
            for line in failure["printed"]:
                verbatim(f"    {line}", style="dim")

    def _next(self) -> Iterator[str]:
        lesson = self.project.lesson
        if self.broken or not self.ok:
            step = self.failure["step"] if self.failure else None
            if step in (None, "given"):
                yield f"  Next: ./workshop diff {self._name()}"
            elif self.project.is_learners:
                from workshop.runtime import docs_address  # only a failure pays for its imports

                place = docs_address.place_of(lesson, lesson.step(step))
                yield f"  Next: ./workshop hint {step}"
                yield f"  Read: {place}"
            else:
                yield f"  Next: ./workshop diff {self._name()}"
        elif not self.project.is_learners:
            return
        elif self.only:
            if following := progress.next_step(lesson, also=self.passed):
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
        steps = f"step {only}" if only else progress.counted(lesson, self.passed)
        return f"  {steps} · {time.monotonic() - self._began:.1f} s{worker}"
