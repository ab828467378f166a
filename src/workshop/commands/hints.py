"""`./workshop hint`: show the next hint each time the command runs."""

from textwrap import indent

from workshop.console import say
from workshop.course import progress
from workshop.course.lessons import Lesson, Step
from workshop.errors import WorkshopError
from workshop.runtime import docs_address


def open_step(lesson: Lesson, otherwise: str) -> Step:
    """Return the first step of `lesson` that the learner hasn't passed. Core steps come first.

    Args:
        lesson: The lesson that contains the step.
        otherwise: The last sentence of the error message. A step ID is appended to this sentence.

    Raises:
        WorkshopError: The learner has passed all steps.
    """
    if step := progress.next_step(lesson):
        return step
    if optional := progress.open_optional_steps(lesson):
        return optional[0]
    follow = (
        f" Continue:  ./workshop start {lesson.next.code}" if lesson.next else " That was the last lesson."
    )
    raise WorkshopError(
        f"You have passed every step of {lesson.name}.{follow}\n"
        f"{otherwise} {lesson.steps[0].id if lesson.steps else '3.2'}"
    )


def show(lesson: Lesson, step: Step, everything: bool = False) -> None:
    """Print the next hint for `step`, or all hints, and record how many hints the learner has seen."""
    total = len(step.hints)
    if not total:
        say(f"Step {step.id} has no hints. Read the step again: {docs_address.place_of(lesson, step)}")
        return
    seen = progress.hints_seen(lesson.name, step.id)
    last = total if everything else min(seen + 1, total)
    first = 1 if everything else last
    optional = " (optional)" if step.optional else ""
    for number, text in enumerate(step.hints[first - 1 : last], first):
        say(f"Step {step.id}  {step.title}{optional}   hint {number} of {total}", style="bold")
        say(indent(text, "  ") + "\n")
    progress.set_hints_seen(lesson.name, step.id, max(seen, last))
    if last < total:
        say(f"Next hint:  ./workshop hint {step.id}", style="dim")
        return
    if seen >= total and not everything:
        say("This is the last hint, and you have already seen it.", style="dim")
    say(
        f"Compare:   ./workshop diff {step.id}        Apply the solution:  ./workshop solve {step.id}",
        style="dim",
    )
