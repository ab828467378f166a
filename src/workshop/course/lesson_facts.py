"""Insert a lesson's goals and minutes from its manifest into the pages.

In a text, these names in double braces are replaced: `minutes 3.2` (a step), `minutes 03` (a lesson's core
path), `all_minutes 03` (a lesson with its optional steps), `hours` and `all_hours` (the whole workshop).
The line `--8<-- "workshop:opening.03"` inserts the opening of a lesson.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from workshop.course import lessons

PLACE = re.compile(r"\{\{ (?:(?P<kind>minutes|all_minutes) (?P<name>[\d.]+)|(?P<total>hours|all_hours)) \}\}")


@dataclass(frozen=True)
class Words:
    """The words of one language around the goals and times. `{}` is the place of a number."""

    goals: str
    time: str
    more_time: str
    optional: str
    minute: str
    minutes: str
    hour: str
    hours: str


ENGLISH = Words(
    goals="**You will learn to**",
    time="**Time:** about {} minutes.",
    more_time="The optional steps take another {} minutes.",
    optional="Optional, ",
    minute="{} minute",
    minutes="{} minutes",
    hour="{} hour",
    hours="{} hours",
)


def filled(line: str, words: Words = ENGLISH) -> str:
    """Return `line` with the minutes filled in. Raises WorkshopError for an unknown lesson or step."""
    return PLACE.sub(lambda place: _value(place, words), line)


def opening(code: str, words: Words = ENGLISH, goals: Sequence[str] | None = None) -> str:
    """The goals and the time of lesson `code` ("03") as Markdown. Raises WorkshopError if it is unknown.

    goals: the goals in the language of `words`. Default: the English ones of the manifest.
    """
    lesson = lessons.find(code)
    time = words.time.format(lesson.minutes)
    if lesson.all_minutes > lesson.minutes:
        time += " " + words.more_time.format(lesson.all_minutes - lesson.minutes)
    listed = "\n".join(f"- {goal}" for goal in (lesson.goals if goals is None else goals))
    return f"{words.goals}\n\n{listed}\n\n{time}"


def hours(minutes: int, words: Words = ENGLISH) -> str:
    """Format `minutes`, rounded to tens: "4 hours 20 minutes"."""
    whole, rest = divmod(round(minutes, -1), 60)
    text = (words.hour if whole == 1 else words.hours).format(whole)
    return f"{text} {words.minutes.format(rest)}" if rest else text


def _value(place: re.Match, words: Words) -> str:
    known = lessons.all_lessons()
    if place["total"] == "hours":
        return hours(sum(lesson.minutes for lesson in known), words)
    if place["total"] == "all_hours":
        return hours(sum(lesson.all_minutes for lesson in known), words)
    name = place["name"]
    if "." in name:
        step = lessons.of_step(name).step(name)
        time = (words.minute if step.minutes == 1 else words.minutes).format(step.minutes)
        return f"*{words.optional * step.optional}{time}.*"
    return str(getattr(lessons.find(name), place["kind"]))
