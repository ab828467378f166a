"""What the learner has reached, in `.workshop/progress.json`: last lesson, steps passed, hints seen."""

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
    """The name of the lesson last started ("03-images"); None in a fresh clone."""
    return load()["last"]


def set_last(lesson: str) -> None:
    with _changing() as content:
        content["last"] = lesson


def passed(lesson: str) -> list[str]:
    """The ids of the steps of `lesson` that were passed at the last check."""
    return list(load()["passed"].get(lesson, []))


def next_step(lesson: Lesson, also: Iterable[str] = ()) -> Step | None:
    """The first core step of `lesson` that has not passed; None when the lesson is done.

    also: ids of steps that have just passed and are not recorded yet.
    """
    done = {*passed(lesson.name), *also}
    return next((step for step in lesson.core if step.id not in done), None)


def open_optional(lesson: Lesson, also: Iterable[str] = ()) -> list[Step]:
    """The optional steps of `lesson` that have not passed. also: as for `next_step`."""
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
    """Record what a check of the whole lesson found: `steps` passed, and no others."""
    with _changing() as content:
        content["passed"][lesson] = list(dict.fromkeys(steps))


def hints_seen(lesson: str, step: str) -> int:
    """How many hints of `step` the learner has been shown."""
    return content if isinstance(content := load()["hints"].get(lesson, {}).get(step), int) else 0


def set_hints_seen(lesson: str, step: str, count: int) -> None:
    with _changing() as content:
        content["hints"].setdefault(lesson, {})[step] = count


def begin_again(lesson: str) -> None:
    """Forget the steps passed and hints seen of `lesson`, and make it the lesson last started."""
    with _changing() as content:
        content["last"] = lesson
        content["passed"].pop(lesson, None)
        content["hints"].pop(lesson, None)


def load() -> dict:
    """The whole record: {"last": name or None, "passed": {lesson: [step]}, "hints": {lesson: {step: count}}}.

    A file that cannot be understood is set aside under another name, with a sentence on standard error.
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
            f"Your progress file could not be read. It is kept as {paths.shown(aside)}; "
            "your own code is not touched. ./workshop check finds out again which steps are done.",
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
    """Load, let the caller change, save: one process at a time, and the file is whole at every moment."""
    with atomic_file.locked(paths.STATE / "progress.lock"):
        content = load()
        yield content
        atomic_file.write_json(file(), content)
