"""Compare Celery with RQ, Dramatiq, Huey and django-tasks, with the same broker and the same work.

apps/ contains the app of each library, set up as the linked documentation recommends.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.measuring import rotated
from benchmarks.section import Section
from benchmarks.task_queues import environment
from benchmarks.task_queues.libraries import LIBRARIES, Library
from benchmarks.task_queues.loss import Loss, measure_losses
from benchmarks.task_queues.report import loss_table, remarks, speed_tables
from benchmarks.task_queues.speed import Speed, Work, measure_round
from workshop.photos import samples

FULL, QUICK = Work(empty=1000, photos=60, answers=8), Work(empty=4, photos=2, answers=1)
ROUNDS = 3
NAPS, QUICK_NAPS = 40, 12
LOSS_SECONDS, QUICK_LOSS_SECONDS = 100.0, 5.0
"""How many seconds a worker has to finish the tasks after it was killed and restarted."""


def measure(quick: bool, libraries: Sequence[Library] = LIBRARIES) -> Section:
    """Measure the libraries in turn for several rounds, and then kill a worker of each library.

    The first run installs the libraries.

    Args:
        quick: Whether to do only a little work, and all of it in parallel, because the results don't count.
        libraries: The libraries to measure.
    """
    environment.python()
    photo = samples.photo(4032, 3024)
    speeds = [Speed(library) for library in libraries]
    if quick:
        with ThreadPoolExecutor(len(libraries) + 1) as threads:
            losses = threads.submit(measure_losses, libraries, QUICK_NAPS, QUICK_LOSS_SECONDS)
            list(threads.map(lambda speed: measure_round(speed, QUICK, photo), speeds))
        return _section(speeds, losses.result(), QUICK, 1, QUICK_LOSS_SECONDS)
    for number in range(ROUNDS):
        for speed in rotated(speeds, number):
            measure_round(speed, FULL, photo)
    losses = measure_losses(libraries, NAPS, LOSS_SECONDS)
    return _section(speeds, losses, FULL, ROUNDS, LOSS_SECONDS)


def _section(
    speeds: list[Speed], losses: list[Loss], work: Work, rounds: int, loss_seconds: float
) -> Section:
    return Section(
        "field",
        "Task queues compared",
        f"The libraries take turns for {rounds} {'rounds' if rounds > 1 else 'round'}, and each one runs two "
        "tasks at a time. Each library is set up as its own documentation describes. Each one gets a fresh "
        "broker (Valkey), except for django-tasks, which uses its database backend with SQLite. Before the "
        f"worker starts, {work.empty} empty tasks are sent. If the library lets you turn off results, these "
        "tasks don't store any. Every task writes a trace to the broker, which takes one or two round trips "
        f"in every library. If a trace is missing, the run fails. In each round, {work.answers} single tasks "
        "are sent to an idle worker, 0.1 to 1.1 s apart, and the producer waits for each result. Each "
        f"library also resizes {work.photos} photos of 12 megapixels with the function from lesson 01. The "
        "first tenth of the tasks is warm-up. For the last table, all processes of the worker are killed "
        "with kill -9 when a quarter of the tasks (half a second each) have started and both running tasks "
        f"are halfway through. The worker is restarted immediately and has {loss_seconds:.0f} s to finish "
        "the tasks. All other tables use the default settings.",
        [*speed_tables(speeds), loss_table(losses, loss_seconds)],
        remarks=remarks([speed.library for speed in speeds], environment.versions()),
    )
