"""Print the results of a run of checks: a line for each step, the first failure, and the next command."""

import contextlib
import re
import time
from collections.abc import Iterator
from textwrap import indent

from rich.text import Text

from workshop.checks.events import Checked, Event, WorkerReady
from workshop.checks.verdicts import GIVEN, Verdicts
from workshop.console import console, say, verbatim
from workshop.course import progress
from workshop.course.lessons import Step, named_steps
from workshop.course.project import Project
from workshop.runtime import diagnosis


class Report:
    """Prints the results of a run of checks as they arrive.

    Attributes:
        verdicts: A record of which steps have passed so far.
    """

    def __init__(self, project: Project, step: str | None, first: str | None = None):
        self.project = project
        self.verdicts = Verdicts(project.lesson, step, first)
        self._worker_seconds: float | None = None
        self._start = time.monotonic()
        self._printed: set[str] = set()
        self._status = None
        say(f"{project.lesson.name} · {project.shown}", style="bold")

    @contextlib.contextmanager
    def live(self) -> Iterator[None]:
        """While the `with` block runs, show in the terminal which check is running."""
        with console.status("Starting …") as self._status:
            yield
        self._status = None

    def add(self, event: Event) -> None:
        """Process the next event of the run, and print the steps that are done."""
        self.verdicts.add(event)
        match event:
            case WorkerReady():
                self._worker_seconds = event.seconds
            case Checked():
                self._print_before(event.step)
                if self._status:
                    self._status.update(Text(f"{event.step}  {event.about}"))

    def print_summary(self) -> None:
        """Print the remaining result lines, the first failure, and the next command."""
        verdicts = self.verdicts
        if verdicts.broken and verdicts.nothing_checked:
            self.print_obstacles([verdicts.broken])
            return
        self._print_before(None)
        if verdicts.broken:
            say("")
            say(indent(verdicts.broken, "  "), "red")
        elif verdicts.failure:
            self._explain(verdicts.failure)
        for why, steps in verdicts.skipped.items():
            say("")
            many = f"{len(steps)} checks were" if len(steps) > 1 else "1 check was"
            say(f"  {many} skipped ({', '.join(dict.fromkeys(steps))}): {why}", "yellow")
        say("")
        for line in self._next():
            say(f"  {line}")
        say(f"  {self._total()}", style="dim")

    def print_obstacles(self, obstacles: list[str]) -> None:
        """Print why the project cannot start, which code is responsible, and which steps were not checked."""
        for obstacle in obstacles:
            say("")
            say(indent(obstacle, "  "), style="red")
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
            say(f"    You edit {name} in {named_steps(steps)}.", style="dim")

    def _print_before(self, next_step: str | None) -> None:
        """Print the result lines that haven't been printed yet.

        Args:
            next_step: The first step whose line is not printed, or None to print the lines of all steps.
        """
        verdicts = self.verdicts
        for step in verdicts.steps:
            if step.id == next_step:
                return
            is_unchecked = verdicts.has_passed(step.id) is None
            if step.id in self._printed or (next_step is not None and is_unchecked):
                continue
            if verdicts.stopped_after_first and step.id != verdicts.first:
                say(f"  ·       the other steps will be checked when {verdicts.first} passes", style="dim")
                return
            self._printed.add(step.id)
            self._print_line(step)

    def _print_line(self, step: Step) -> None:
        passed = self.verdicts.has_passed(step.id)
        if passed is None:
            sign, style, remark = "·", "dim", "   (not reached)"
        elif passed:
            sign, style, remark = "✓", "green", ""
        elif self.verdicts.is_ignored(step.id):
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
        lesson, learners, verdicts = self.project.lesson, self.project.is_learners, self.verdicts
        if not verdicts.ok:
            if not learners or verdicts.failed_step in (None, GIVEN.id):
                yield f"Next: ./workshop diff {lesson.code if learners else self.project.shown}"
                return
            from workshop.runtime import docs_address  # imported only after a failure, because it is slow

            yield f"Next: ./workshop hint {verdicts.failed_step}"
            yield f"Read: {docs_address.place_of(lesson, lesson.step(verdicts.failed_step))}"
        elif not learners:
            return
        elif verdicts.only:
            if following := progress.next_step(lesson, just_passed=verdicts.passed):
                yield f"Next: step {following.id} · {following.title}"
            else:
                yield f"All core steps have passed. Check the whole lesson: ./workshop check {lesson.code}"
        else:
            left = [step.id for step in verdicts.steps if step.optional and not verdicts.has_passed(step.id)]
            if left:
                yield f"Optional steps left: {', '.join(left)}. Check one: ./workshop check {left[0]}"
            if lesson.next:
                yield f"Lesson {lesson.code} is done. Next: ./workshop start {lesson.next.code}"
            else:
                yield f"Lesson {lesson.code} is done. That was the last lesson."

    def _total(self) -> str:
        """Return a line that says how many steps have passed and how long the run took."""
        verdicts = self.verdicts
        only = verdicts.first if verdicts.stopped_after_first else verdicts.only
        steps = f"step {only}" if only else progress.summary(self.project.lesson, verdicts.passed)
        worker = f" · worker ready in {self._worker_seconds:.1f} s" if self._worker_seconds else ""
        return f"{steps} · {time.monotonic() - self._start:.1f} s{worker}"
