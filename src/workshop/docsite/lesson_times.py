"""Insert the goals and times from the lessons' manifests into the pages.

The following placeholders, written in double braces, are replaced with times: `minutes 3.2` (a step),
`minutes 03` (a lesson's core path), `all_minutes 03` (a lesson including its optional steps), and `hours` and
`all_hours` (the whole workshop).
The line `--8<-- "workshop:opening.03"` inserts the opening of lesson 03, which lists its goals and times.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from workshop.course import lessons

PLACE = re.compile(r"\{\{ (?:(?P<kind>minutes|all_minutes) (?P<name>[\d.]+)|(?P<total>hours|all_hours)) \}\}")


@dataclass(frozen=True)
class Words:
    """The wording around the goals and times, in one language. `{}` is the placeholder for a number."""

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
    """Return `line` with its placeholders replaced with times.

    Raises:
        WorkshopError: The line names an unknown lesson or step.
    """
    return PLACE.sub(lambda place: _value(place, words), line)


def opening(code: str, words: Words = ENGLISH, goals: Sequence[str] | None = None) -> str:
    """Return a lesson's goals and times as Markdown.

    Args:
        code: The number of the lesson, such as "03".
        words: The wording in the page's language.
        goals: The goals in the page's language. Default: the English goals in the lesson's manifest.

    Raises:
        WorkshopError: No lesson has this number.
    """
    lesson = lessons.find(code)
    time = words.time.format(lesson.minutes)
    if lesson.all_minutes > lesson.minutes:
        time += " " + words.more_time.format(lesson.all_minutes - lesson.minutes)
    goals_list = "\n".join(f"- {goal}" for goal in (lesson.goals if goals is None else goals))
    return f"{words.goals}\n\n{goals_list}\n\n{time}"


def hours(minutes: int, words: Words = ENGLISH) -> str:
    """Format `minutes` as hours and minutes, rounded to the nearest 10 minutes: "4 hours 20 minutes"."""
    whole, rest = divmod(round(minutes, -1), 60)
    text = (words.hour if whole == 1 else words.hours).format(whole)
    return f"{text} {words.minutes.format(rest)}" if rest else text


def _value(place: re.Match, words: Words) -> str:
    if place["total"]:
        attribute = "minutes" if place["total"] == "hours" else "all_minutes"
        return hours(sum(getattr(lesson, attribute) for lesson in lessons.all_lessons()), words)
    if "." in place["name"]:
        _, step = lessons.find_step(place["name"])
        time = (words.minute if step.minutes == 1 else words.minutes).format(step.minutes)
        return f"*{words.optional if step.optional else ''}{time}.*"
    return str(getattr(lessons.find(place["name"]), place["kind"]))
