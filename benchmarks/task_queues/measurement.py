"""Compare Celery with RQ, Dramatiq, Huey and django-tasks, with the same broker and the same work.

apps/ contains the setup of each library, with links to the documentation that recommends it.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.section import Section
from benchmarks.task_queues import environment
from benchmarks.task_queues.loss import Loss, all_losses
from benchmarks.task_queues.report import loss_table, remarks, speed_tables
from benchmarks.task_queues.rivals import RIVALS, Rival
from benchmarks.task_queues.speed import Speed, Work, one_round
from workshop.photos import samples

FULL, QUICK = Work(empty=1000, photos=60, answers=8), Work(empty=4, photos=2, answers=1)
ROUNDS = 3
NAPS, QUICK_NAPS = 40, 12
WINDOW, QUICK_WINDOW = 100.0, 5.0
"""Seconds to wait until the tasks of a killed worker are finished."""


def measure(quick: bool, rivals: Sequence[Rival] = RIVALS) -> Section:
    """Measure the rivals in turn, for several rounds, and then kill all of them.

    The first run installs the rivals, even with `quick`. Raises WorkshopError if the installation fails, or
    if a rival doesn't finish its work.
    """
    work, rounds = (QUICK, 1) if quick else (FULL, ROUNDS)
    naps, window = (QUICK_NAPS, QUICK_WINDOW) if quick else (NAPS, WINDOW)
    environment.python()
    photo = samples.photo(4032, 3024)
    speeds = {rival.name: Speed() for rival in rivals}
    if quick:  # The results don't count, so run everything in parallel.
        with ThreadPoolExecutor(len(rivals) + 1) as threads:
            lost = threads.submit(all_losses, rivals, naps, window)
            tries = [threads.submit(one_round, rival, work, photo, speeds[rival.name]) for rival in rivals]
            for each in tries:
                each.result()
            losses = lost.result()
        return _section(speeds, losses, work, rounds, window)
    for turn in range(rounds):
        first = turn % len(rivals)
        for rival in [*rivals[first:], *rivals[:first]]:
            one_round(rival, work, photo, speeds[rival.name])
    losses = all_losses(rivals, naps, window)
    return _section(speeds, losses, work, rounds, window)


def _section(
    speeds: dict[str, Speed], losses: list[tuple[Rival, bool, Loss]], work: Work, rounds: int, window: float
) -> Section:
    return Section(
        "field",
        "Task queues compared",
        f"The libraries take turns, for {rounds} {'rounds' if rounds > 1 else 'round'}, and run two tasks at "
        "a time. Each library is set up as its own documentation describes. Each one gets a fresh broker "
        f"(Valkey), except for django-tasks, which uses its database backend on SQLite. {work.empty} empty "
        "tasks are sent before the worker starts. They store no result if the library lets you turn results "
        "off. Every task leaves a trace in one or two round trips to the broker, the same for all libraries, "
        f"and the run fails if a trace is missing. In each round, {work.answers} single tasks are sent to an "
        f"idle worker, 0.1 to 1.1 s apart, and the producer waits for each result. {work.photos} photos of "
        "12 megapixels are resized with the function from lesson 01. The first tenth of the tasks is "
        "warm-up. For the last table, all processes of the worker are killed with kill -9 when a quarter of "
        "the tasks (half a second each) have started and both running tasks are halfway through. The worker "
        f"is restarted immediately and has {window:.0f} s to finish. All other tables use the default "
        "settings.",
        [*speed_tables(speeds), loss_table(losses, window)],
        remarks=remarks(speeds, environment.versions()),
    )
