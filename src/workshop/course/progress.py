"""The learner's progress in `.workshop/progress.json`: last lesson, passed steps, hints seen."""

import contextlib
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from workshop import paths
from workshop.console import complaints, say
from workshop.course.lessons import Lesson, Step
from workshop.system import atomic_file


def file() -> Path:
    return paths.STATE / "progress.json"


def last() -> str | None:
    """Return the name of the last started lesson ("03-images"); None in a fresh clone."""
    return load()["last"]


def set_last(lesson: str) -> None:
    with _changing() as content:
        content["last"] = lesson


def passed(lesson: str) -> list[str]:
    """Return the ids of the steps of `lesson` that passed the last check."""
    return list(load()["passed"].get(lesson, []))


def next_step(lesson: Lesson, also: Iterable[str] = ()) -> Step | None:
    """Return the first unpassed core step of `lesson`; None if the lesson is done.

    also: ids of steps that have just passed and are not recorded yet.
    """
    done = {*passed(lesson.name), *also}
    return next((step for step in lesson.core if step.id not in done), None)


def open_optional(lesson: Lesson, also: Iterable[str] = ()) -> list[Step]:
    """Return the unpassed optional steps of `lesson`. also: as in `next_step()`."""
    done = {*passed(lesson.name), *also}
    return [step for step in lesson.steps if step.optional and step.id not in done]


def counted(lesson: Lesson, passed: Iterable[str]) -> str:
    """Return how many steps of `lesson` are in `passed`: "2 of 2 core steps, 0 of 3 optional".

    passed: ids of steps. Without optional steps, the text is "2 of 2 steps".
    """
    done = set(passed)
    core = [step for step in lesson.core if step.id in done]
    extra = [step for step in lesson.steps if step.optional]
    if not extra:
        return f"{len(core)} of {len(lesson.core)} steps"
    done_extra = [step for step in extra if step.id in done]
    return f"{len(core)} of {len(lesson.core)} core steps, {len(done_extra)} of {len(extra)} optional"


def set_passed(lesson: str, steps: Iterable[str]) -> None:
    """Record the result of checking the whole lesson: exactly `steps` have passed."""
    with _changing() as content:
        content["passed"][lesson] = list(dict.fromkeys(steps))


def hints_seen(lesson: str, step: str) -> int:
    """Return how many hints for `step` the learner has seen."""
    return content if isinstance(content := load()["hints"].get(lesson, {}).get(step), int) else 0


def set_hints_seen(lesson: str, step: str, count: int) -> None:
    with _changing() as content:
        content["hints"].setdefault(lesson, {})[step] = count


def begin_again(lesson: str) -> None:
    """Clear the passed steps and seen hints of `lesson`, and make it the last started lesson."""
    with _changing() as content:
        content["last"] = lesson
        content["passed"].pop(lesson, None)
        content["hints"].pop(lesson, None)


def load() -> dict:
    """The record: {"last": name or None, "passed": {lesson: [step]}, "hints": {lesson: {step: count}}}.

    An unreadable file is renamed, and a message is printed on standard error.
    """
    empty = {"last": None, "passed": {}, "hints": {}}
    try:
        content = json.loads(file().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return empty
    except ValueError:
        content = None
    if not _has_the_right_form(content):
        aside = file().with_name(f"progress-{datetime.now():%Y-%m-%d-%H%M%S}-unreadable.json")
        file().replace(aside)
        say(
            f"Your progress file could not be read. It was renamed to {paths.shown(aside)}, and your "
            f"code is unchanged. To record your finished steps again, run ./workshop check.",
            on=complaints,
        )
        return empty
    return empty | content


def _has_the_right_form(content: object) -> bool:
    return (
        isinstance(content, dict)
        and isinstance(content.get("last"), str | None)
        and isinstance(passed := content.get("passed", {}), dict)
        and all(isinstance(steps, list) for steps in passed.values())
        and isinstance(hints := content.get("hints", {}), dict)
        and all(isinstance(steps, dict) for steps in hints.values())
    )


@contextlib.contextmanager
def _changing() -> Iterator[dict]:
    """Load the record, let the caller change it, and save it atomically.

    Only one process at a time does this.
    """
    with atomic_file.locked(paths.STATE / "progress.lock"):
        content = load()
        yield content
        atomic_file.write_json(file(), content)
