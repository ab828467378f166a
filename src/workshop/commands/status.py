"""`./workshop status`: show the learner's progress in every lesson, and what to do next."""

from rich.table import Table
from rich.text import Text

from workshop import paths
from workshop.console import console, say
from workshop.course import lessons, progress
from workshop.course.lessons import Lesson
from workshop.errors import WorkshopError

WIDE = 100
"""The minimum terminal width, in columns, at which the progress bars are shown."""


def show() -> None:
    """Print the lessons and the learner's progress in each lesson.

    Raises:
        WorkshopError: There are no lessons.
    """
    known = lessons.all_lessons()
    if not known:
        raise WorkshopError(f"No lessons were found in {paths.LESSONS}. Is this a complete clone?")
    last = progress.last_lesson()
    table = Table.grid(padding=(0, 1))
    has_bars = console.width >= WIDE
    for is_whole in (True, True, False, True, *[True] * has_bars, True):  # only the title may wrap
        table.add_column(no_wrap=is_whole)
    for lesson in known:
        passed = progress.passed_steps(lesson.name)
        done, total = sum(step.id in passed for step in lesson.core), len(lesson.core)
        bar = Text("━" * done, style="green") + Text("━" * (total - done), style="dim")
        is_started = passed or lesson.learners_copy.is_dir()
        table.add_row(
            Text("✓" if total and done == total else "▸" if lesson.name == last else "·", style="green"),
            Text(lesson.name, style="bold" if lesson.name == last else ""),
            Text(lesson.title),
            Text(f"{lesson.minutes} min", style="dim"),
            *[bar] * has_bars,
            Text(progress.summary(lesson, passed) if is_started else "not started"),
        )
    say(table)
    current = next((lesson for lesson in known if lesson.name == last), None)
    if current and current.learners_copy.is_dir():
        say(f"\nNext: {next_action(current)}")
    else:
        say(f"\nNext: ./workshop start {(current or known[0]).code}")


def next_action(lesson: Lesson) -> str:
    """Return what to do next: the next step of `lesson`, or the command that starts the next lesson."""
    if step := progress.next_step(lesson):
        return f"step {step.id} · {step.title} · ./workshop check"
    if lesson.next:
        action = f"./workshop start {lesson.next.code}"
    else:
        action = "./workshop demo (you have finished the last lesson)"
    optional = [step.id for step in progress.open_optional_steps(lesson)]
    if optional:
        action += f" · optional: step{'s' if len(optional) > 1 else ''} {', '.join(optional)}"
    return action
