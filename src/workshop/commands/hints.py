"""Hints: one more each time, and never further than the last."""

from textwrap import indent

from workshop.console import say
from workshop.course import progress
from workshop.course.lessons import Lesson, Step
from workshop.errors import WorkshopError
from workshop.runtime import docs_address


def open_step(lesson: Lesson, otherwise: str) -> Step:
    """The next step of `lesson`, the core steps first. Raises WorkshopError when all have passed.

    otherwise: the last sentence of that error, up to the name of a step.
    """
    if step := progress.next_step(lesson) or next(iter(progress.open_optional(lesson)), None):
        return step
    follow = (
        f" Continue:  ./workshop start {lesson.next.code}" if lesson.next else " That was the last lesson."
    )
    raise WorkshopError(
        f"You have passed every step of {lesson.name}.{follow}\n"
        f"{otherwise} {lesson.steps[0].id if lesson.steps else '3.2'}"
    )


def show(lesson: Lesson, step: Step, everything: bool = False) -> None:
    """Print the next hint of `step`, or all of them, and remember how many were seen."""
    total = len(step.hints)
    if not total:
        say(f"Step {step.id} has no hints. Read the step again: {docs_address.place_of(lesson, step)}")
        return
    seen = progress.hints_seen(lesson.name, step.id)
    again = seen >= total and not everything
    shown = range(total) if everything else [min(seen, total - 1)]
    optional = " (optional)" if step.optional else ""
    for number in shown:
        heading = f"Step {step.id}  {step.title}{optional}   hint {number + 1} of {total}"
        say(heading, style="bold")
        say(indent(step.hints[number], "  ") + "\n")
    progress.set_hints_seen(lesson.name, step.id, max(seen, shown[-1] + 1))
    if shown[-1] + 1 < total:
        say(f"Next hint:  ./workshop hint {step.id}", style="dim")
        return
    if again:
        say("You have already seen this hint. It is the last one.", style="dim")
    say(
        f"Compare:   ./workshop diff {step.id}        Take the solution:  ./workshop solve {step.id}",
        style="dim",
    )
