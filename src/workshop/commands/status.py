"""`./workshop status`: show every lesson with the learner's progress, and the next command."""

from rich.table import Table
from rich.text import Text

from workshop import paths
from workshop.console import console, say
from workshop.course import lessons, progress
from workshop.course.lessons import Lesson, Step
from workshop.errors import WorkshopError

WIDE = 100
"""Columns of a terminal that has room for the bars, too."""


def show() -> None:
    """Print the lessons and the progress in each one. Raises WorkshopError if there are no lessons."""
    known = lessons.all_lessons()
    if not known:
        raise WorkshopError(f"No lessons were found in {paths.LESSONS}. Is this a complete clone?")
    last = progress.last_lesson()
    table = Table.grid(padding=(0, 1))
    has_bars = console.width >= WIDE
    for is_whole in (True, True, False, True, *[True] * has_bars, True):  # the title shrinks
        table.add_column(no_wrap=is_whole)
    for lesson in known:
        passed = set(progress.passed_steps(lesson.name))
        done, total = sum(step.id in passed for step in lesson.core), len(lesson.core)
        bar = Text("━" * done, style="green") + Text("━" * (total - done), style="dim")
        table.add_row(
            Text("✓" if total and done == total else "▸" if lesson.name == last else "·", style="green"),
            Text(lesson.name, style="bold" if lesson.name == last else ""),
            Text(lesson.title),
            Text(f"{lesson.minutes} min", style="dim"),
            *[bar] * has_bars,
            Text(_words(lesson, passed)),
        )
    say(table)
    say(f"\nNext: {_next(known, last)}")


def _words(lesson: Lesson, passed: set[str]) -> str:
    if passed or (paths.PLAYGROUND / lesson.name).is_dir():
        return progress.count(lesson, passed)
    return "not started"


def _next(known: list[Lesson], last: str | None) -> str:
    current = next((lesson for lesson in known if lesson.name == last), None)
    if current is None or not (paths.PLAYGROUND / current.name).is_dir():
        return f"./workshop start {(current or known[0]).code}"
    if step := progress.next_step(current):
        return f"step {step.id} {step.title}  ·  ./workshop check {step.id}"
    extra = optional_steps(progress.open_optional_steps(current))
    if current.next:
        return f"./workshop start {current.next.code}" + (f"  ·  {extra}" if extra else "")
    return f"this was the last lesson. {extra}".rstrip()


def optional_steps(steps: list[Step]) -> str:
    """Return a list such as "optional: steps 3.8, 3.9", or an empty string if there are no steps."""
    names = ", ".join(step.id for step in steps)
    return f"optional: step{'s' if len(steps) > 1 else ''} {names}" if steps else ""
