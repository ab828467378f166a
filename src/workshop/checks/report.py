"""Print the results of a run of checks: a line for each step, the first failure, and the next command."""

import contextlib
import re
import time
from collections import defaultdict
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
    """Prints the results of a run of checks as they arrive.

    Attributes:
        only: The only step to check, or None for the whole lesson.
        first: The step that is checked and printed first, or None.
        steps: The steps to check, in the order in which they are printed.
        outcome: Maps each step to whether all of its checks have passed so far.
        failure: The first failure, or None. In a whole lesson, failures of optional steps are ignored.
        broken: Why the run stopped early, or None if it did not.
    """

    def __init__(self, project: Project, step: str | None, first: str | None = None):
        self.project, self.only, self.first = project, step, first
        lesson = project.lesson
        self.steps = [lesson.step(step)] if step else [*lesson.steps, GIVEN]
        self.steps.sort(key=lambda step: step.id != first)
        self.outcome: dict[str, bool] = {}
        self.failure: Checked | None = None
        self.broken: str | None = None
        # A failure of an optional step counts only if this step alone is checked.
        self._ignored = [] if step else [step.id for step in lesson.steps if step.optional]
        self._skipped: dict[str, list[str]] = defaultdict(list)
        self._worker_seconds: float | None = None
        self._start = time.monotonic()
        self._printed: set[str] = set()
        self._status = None
        say(f"{lesson.name} · {project.shown}", style="bold")

    @property
    def passed(self) -> list[str]:
        """The steps that have passed."""
        return [step for step, passed in self.outcome.items() if passed]

    @property
    def failed_step(self) -> str | None:
        """The first step that failed, or None."""
        return self.failure.step if self.failure else None

    @property
    def ok(self) -> bool:
        """Whether all required steps have passed and the run did not stop early."""
        required = [step.id for step in self.steps if step.id not in self._ignored]
        return self.broken is None and all(self.outcome.get(step) for step in required)

    @property
    def _only_first(self) -> bool:
        return self.first is not None and self.failed_step == self.first

    @contextlib.contextmanager
    def live(self) -> Iterator[None]:
        """Show in the terminal what is being checked while the `with` block runs."""
        with console.status("Starting …") as self._status:
            yield
        self._status = None

    def add(self, event: Event) -> None:
        """Process the next event of the run."""
        match event:
            case Collected():
                self.steps = [step for step in self.steps if step.id in event.steps] or self.steps
            case WorkerReady():
                self._worker_seconds = event.seconds
            case Checked():
                self._print_before(event.step)
                self.outcome[event.step] = self.outcome.get(event.step, True) and event.passed
                if not event.passed and self.failure is None and event.step not in self._ignored:
                    self.failure = event
                if self._status:
                    self._status.update(Text(f"{event.step}  {event.about}"))
            case Skipped():
                self._skipped[event.why].append(event.step)
            case Broken():
                self.broken = event.cause

    def print_summary(self) -> None:
        """Print the remaining result lines, the first failure, and the next command."""
        if self.broken and not self.outcome:
            self.print_obstacles([self.broken])
            return
        self._print_before(None)
        if self.broken:
            say("")
            say(indent(self.broken, "  "), "red")
        elif self.failure:
            self._explain(self.failure)
        for why, steps in self._skipped.items():
            say("")
            many = f"{len(steps)} checks were" if len(steps) > 1 else "1 check was"
            say(f"  {many} skipped ({', '.join(dict.fromkeys(steps))}): {why}", "yellow")
        say("")
        for line in self._next():
            say(f"  {line}")
        say(f"  {self._total()}", style="dim")

    def print_obstacles(self, obstacles: list[str]) -> None:
        """Print why the project cannot start, the code that causes it, and which steps were not checked."""
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

    def _print_before(self, next_step: str | None) -> None:
        """Print the result lines that are still missing before `next_step`, or all of them if it is None."""
        for step in self.steps:
            if step.id == next_step:
                return
            if step.id in self._printed or (next_step is not None and step.id not in self.outcome):
                continue
            if self._only_first and step.id != self.first:
                say(f"  ·       the other steps will be checked when {self.first} passes", style="dim")
                return
            self._printed.add(step.id)
            self._print_line(step)

    def _print_line(self, step: Step) -> None:
        passed = self.outcome.get(step.id)
        if passed is None:
            sign, style, remark = "·", "dim", "   (not reached)"
        elif passed:
            sign, style, remark = "✓", "green", ""
        elif step.id in self._ignored:
            sign, style, remark = "○", "yellow", "   (optional, not passed)"
        else:
            sign, style, remark = "✗", "red", ""
        say(Text.assemble("  ", (sign, style), f" {step.id:<5} {step.title}", (remark, "dim")), hang=10)

    def _explain(self, failed: Checked) -> None:
        failure, what, facts = failed.failure, failed.failure.what, failed.failure.facts
        name = "The starter code" if failed.step == GIVEN.id else f"Step {failed.step}"
        if failure.unexpected:
            facts = {"exception": what, **facts, "while": failed.about}
            what = "your code raised an exception."
        say("")
        say(indent(f"{name}: {what}", "  "), "red")
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
        """Yield the commands to run next."""
        lesson, learners = self.project.lesson, self.project.is_learners
        if not self.ok:
            if not learners or self.failed_step in (None, GIVEN.id):
                yield f"Next: ./workshop diff {lesson.code if learners else self.project.shown}"
                return
            from workshop.runtime import docs_address  # imported only after a failure, because it is slow

            yield f"Next: ./workshop hint {self.failed_step}"
            yield f"Read: {docs_address.place_of(lesson, lesson.step(self.failed_step))}"
        elif not learners:
            return
        elif self.only:
            if following := progress.next_step(lesson, just_passed=self.passed):
                yield f"Next: step {following.id} · {following.title}"
            else:
                yield f"All core steps have passed. Check the whole lesson: ./workshop check {lesson.code}"
        else:
            left = [step.id for step in self.steps if step.optional and not self.outcome.get(step.id)]
            if left:
                yield f"Optional steps left: {', '.join(left)}. Check one: ./workshop check {left[0]}"
            if lesson.next:
                yield f"Lesson {lesson.code} is done. Next: ./workshop start {lesson.next.code}"
            else:
                yield f"Lesson {lesson.code} is done. That was the last lesson."

    def _total(self) -> str:
        """Return a line that says how many steps have passed and how long the run took."""
        only = self.first if self._only_first else self.only
        steps = f"step {only}" if only else progress.summary(self.project.lesson, self.passed)
        worker = f" · worker ready in {self._worker_seconds:.1f} s" if self._worker_seconds else ""
        return f"{steps} · {time.monotonic() - self._start:.1f} s{worker}"
