"""The learner's progress in `.workshop/progress.json`: the last lesson, passed steps and hints seen."""

import contextlib
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from workshop import paths
from workshop.console import error_console, say
from workshop.course.lessons import Lesson, Step
from workshop.system import atomic_file


def file() -> Path:
    """Return the path of the progress file, which may not exist yet."""
    return paths.STATE / "progress.json"


def last_lesson() -> str | None:
    """Return the name of the lesson that was started last, such as "03-images", or None in a fresh clone."""
    return load()["last"]


def set_last_lesson(lesson: str) -> None:
    """Record the name of the lesson that was started last."""
    with _changing() as record:
        record["last"] = lesson


def passed_steps(lesson: str) -> list[str]:
    """Return the ids of the steps of `lesson` that passed in the last check."""
    return list(load()["passed"].get(lesson, []))


def set_passed_steps(lesson: str, steps: Iterable[str]) -> None:
    """Record the steps of `lesson` that passed in a check of the whole lesson."""
    with _changing() as record:
        record["passed"][lesson] = list(dict.fromkeys(steps))


def next_step(lesson: Lesson, just_passed: Iterable[str] = ()) -> Step | None:
    """Return the first core step of `lesson` that hasn't passed yet, or None if the lesson is done.

    Args:
        lesson: The lesson.
        just_passed: The ids of steps that have passed but are not recorded yet.
    """
    passed = {*passed_steps(lesson.name), *just_passed}
    return next((step for step in lesson.core if step.id not in passed), None)


def open_optional_steps(lesson: Lesson) -> list[Step]:
    """Return the optional steps of `lesson` that haven't passed yet."""
    passed = passed_steps(lesson.name)
    return [step for step in lesson.steps if step.optional and step.id not in passed]


def summary(lesson: Lesson, passed: Iterable[str]) -> str:
    """Return the number of steps in `passed` as text, such as "2 of 2 core steps, 0 of 3 optional"."""
    total, total_optional = len(lesson.core), len(lesson.steps) - len(lesson.core)
    done = len({step.id for step in lesson.core}.intersection(passed))
    if not total_optional:
        return f"{done} of {total} steps"
    done_optional = len({step.id for step in lesson.steps}.intersection(passed)) - done
    return f"{done} of {total} core steps, {done_optional} of {total_optional} optional"


def hints_seen(lesson: str, step: str) -> int:
    """Return how many hints for `step` the learner has seen."""
    seen = load()["hints"].get(lesson, {}).get(step)
    return seen if isinstance(seen, int) else 0


def set_hints_seen(lesson: str, step: str, count: int) -> None:
    """Record how many hints for `step` the learner has seen."""
    with _changing() as record:
        record["hints"].setdefault(lesson, {})[step] = count


def restart_lesson(lesson: str) -> None:
    """Clear the passed steps and seen hints of `lesson`, and make it the lesson that was started last."""
    with _changing() as record:
        record["last"] = lesson
        record["passed"].pop(lesson, None)
        record["hints"].pop(lesson, None)


def load() -> dict:
    """Return the recorded progress.

    If the file is unreadable, it is renamed, and a message is printed to standard error.

    Returns:
        A dictionary of the form {"last": lesson or None, "passed": {lesson: [step]}, "hints": {lesson: {step:
        count}}}.
    """
    empty = {"last": None, "passed": {}, "hints": {}}
    try:
        record = json.loads(file().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return empty
    except ValueError:
        record = None
    if _is_valid(record):
        return empty | record
    aside = file().with_name(f"progress-{datetime.now():%Y-%m-%d-%H%M%S}-unreadable.json")
    file().replace(aside)
    say(
        f"Your progress file could not be read. The file was renamed to {paths.shown(aside)}, and "
        f"your code is unchanged. To record your finished steps again, run ./workshop check.",
        on=error_console,
    )
    return empty


def _is_valid(record: object) -> bool:
    if not isinstance(record, dict) or not isinstance(record.get("last"), str | None):
        return False
    return _is_dict_of(list, record.get("passed", {})) and _is_dict_of(dict, record.get("hints", {}))


def _is_dict_of(kind: type, record: object) -> bool:
    return isinstance(record, dict) and all(isinstance(value, kind) for value in record.values())


@contextlib.contextmanager
def _changing() -> Iterator[dict]:
    """Load the record, let the caller change it, and save it atomically.

    Only one process at a time can change the record.
    """
    with atomic_file.locked(paths.STATE / "progress.lock"):
        record = load()
        yield record
        atomic_file.write_json(file(), record)
