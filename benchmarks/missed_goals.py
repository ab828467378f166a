"""Explain in one or two sentences why a goal was missed, with numbers from the section's tables."""

from collections.abc import Callable

from benchmarks.overview import situation_of
from benchmarks.resize import DECODING
from benchmarks.resize_variants import LIBVIPS
from benchmarks.section import Goal, Section
from benchmarks.visitor import DURING, NORMAL, OFFLOADED, RECEIVED, UPLOAD
from workshop.console import listed

UNKNOWN = "Not explained yet."
WHY_NOT_LIBVIPS = {
    "PNG": "Pillow decodes all pixels of a PNG before it reduces them, but libvips decodes a PNG line by "
    "line.",
    "WEBP": "Pillow decodes all pixels of a WebP before it reduces them, but libvips decodes a WebP at a "
    "reduced size.",
}
FIRST_STEPS = {
    "01-sync": "The startup time doesn't include a worker or a check. Before you see the first result, a "
    "process is forked, pytest collects the checks, and the checks of step 1.1 resize photos.",
    "02-celery-basics": "The startup time doesn't include a check. The check of step 2.1 also starts an "
    "interpreter that loads the app in the same way as a command.",
    "03-images": "The startup time doesn't include a check. The check of step 3.1 also uploads photos.",
    "04-flower": "The startup time doesn't include a check. The check of step 4.1 also runs a task and waits "
    "for the worker's events.",
    "05-beat": "The startup time doesn't include a check. The check of step 5.1 also starts Celery beat and "
    "waits until beat has sent a task.",
}
LAST_VERDICT = (
    "The startup time doesn't include any checks, but the last verdict appears only after all checks of the "
    "lesson. The “check” column of the table shows how long a separate run of all checks takes."
)


def reason(section: Section, goal: Goal) -> str:
    """Return why `goal` was missed.

    Returns:
        One or two sentences. The string is empty if the goal was met, and UNKNOWN if no reason is known.
    """
    if goal.is_met:
        return ""
    return REASONS.get(section.name, lambda *_: "")(section, goal) or UNKNOWN


def _visitor(section: Section, goal: Goal) -> str:
    table = next(table for table in section.tables if goal.what.startswith(situation_of(table) + ":"))
    request, what = (
        (UPLOAD, "an upload") if "an upload" in goal.what else (DURING, "another page during the uploads")
    )
    floor, nice, normal = (table.cell(f"{request}, {site}", "p50") for site in (RECEIVED, OFFLOADED, NORMAL))
    return (
        f"The worker and the web process share the same cores. The median time for {what} is "
        f"{floor} ms without a worker, {nice} ms with a low-priority worker and {normal} ms with a "
        f"normal-priority worker ({situation_of(table)})."
    )


def _queue(section: Section, goal: Goal) -> str:
    kind, table = goal.what.partition(":")[0], section.table("Core time per photo")
    pool, queue = (table.number(f"the {name}, total", kind) for name in ("pool", "queue"))
    shares = listed(
        f"{table.cell(row, kind)} ms ({100 * table.number(row, kind) / queue:.1f} %) {where}"
        for row, where in (
            ("the worker's main process: messages", "for messages in the worker's main process"),
            ("the producer: delay()", "in the producer"),
            ("the broker", "in the broker"),
            ("idle: a process waits for its next photo", "while a process waits for its next photo"),
        )
    )
    return (
        f"A {kind} takes {queue} ms of core time with the queue and {pool} ms in the pool. The queue's time "
        f"includes {shares}."
    )


def _resize(section: Section, goal: Goal) -> str:
    picture = goal.what.partition(":")[0]
    kind = picture.partition(",")[0]
    if LIBVIPS not in goal.what or "bytes" in goal.what or kind not in WHY_NOT_LIBVIPS:
        return ""
    table = section.table(picture + ",")
    if DECODING not in table.labels:
        return WHY_NOT_LIBVIPS[kind]
    decoding, resize = (table.number(row, "ms (range)") for row in (DECODING, LIBVIPS))
    return (
        f"{WHY_NOT_LIBVIPS[kind]} Decoding alone takes {decoding:.0f} ms in Pillow, while the whole resize "
        f"takes {resize:.0f} ms in libvips."
    )


def _learner(section: Section, goal: Goal) -> str:
    if "first step" in goal.what:
        return FIRST_STEPS.get(goal.what.partition(":")[0], "")
    return LAST_VERDICT if "last verdict" in goal.what else ""


REASONS: dict[str, Callable[[Section, Goal], str]] = {
    "visitor": _visitor,
    "queue": _queue,
    "resize": _resize,
    "learner": _learner,
}
