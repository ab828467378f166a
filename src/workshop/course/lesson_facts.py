"""Insert a lesson's goals and minutes from its manifest into the pages.

In a text, these names in double braces are replaced: `minutes 3.2` (a step), `minutes 03` (a lesson's core
path), `all_minutes 03` (a lesson with its optional steps), `hours` and `all_hours` (the whole workshop).
The line `--8<-- "workshop:opening.03"` inserts the opening of a lesson.
"""

import re

from workshop.course import lessons

PLACE = re.compile(r"\{\{ (?:(?P<kind>minutes|all_minutes) (?P<name>[\d.]+)|(?P<total>hours|all_hours)) \}\}")


def filled(line: str) -> str:
    """Return `line` with the minutes filled in. Raises WorkshopError for an unknown lesson or step."""
    return PLACE.sub(_value, line)


def opening(code: str) -> str:
    """Return the goals and the time of lesson `code` ("03") as Markdown.

    Raises WorkshopError if it is unknown.
    """
    lesson = lessons.find(code)
    extra = ""
    if lesson.all_minutes > lesson.minutes:
        extra = f" The optional steps take another {lesson.all_minutes - lesson.minutes} minutes."
    goals = "\n".join(f"- {goal}" for goal in lesson.goals)
    return f"**You will learn to**\n\n{goals}\n\n**Time:** about {lesson.minutes} minutes.{extra}"


def hours(minutes: int) -> str:
    """Format `minutes`, rounded to tens: "4 hours 20 minutes"."""
    whole, rest = divmod(round(minutes, -1), 60)
    return f"{whole} hours" + (f" {rest} minutes" if rest else "")


def _value(place: re.Match) -> str:
    known = lessons.all_lessons()
    if place["total"] == "hours":
        return hours(sum(lesson.minutes for lesson in known))
    if place["total"] == "all_hours":
        return hours(sum(lesson.all_minutes for lesson in known))
    name = place["name"]
    if "." in name:
        step = lessons.of_step(name).step(name)
        unit = "minute" if step.minutes == 1 else "minutes"
        return f"*{'Optional, ' * step.optional}{step.minutes} {unit}.*"
    return str(getattr(lessons.find(name), place["kind"]))
