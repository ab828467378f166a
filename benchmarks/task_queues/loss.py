"""Count the tasks that are lost when all processes of a worker are killed with kill -9 and restarted."""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.task_queues.libraries import Library
from benchmarks.task_queues.trial import PATIENCE, Trace, Trial, prepared
from workshop.errors import WorkshopError
from workshop.system.waiting import until

MIDDLE = 0.1, 0.4
"""A half-second nap counts as halfway through between these two times, in seconds after its start."""


@dataclass(frozen=True)
class Loss:
    """What happened to the tasks of a killed worker.

    Attributes:
        library: The library that was tested.
        reliable: Whether the library used its reliable settings instead of the default ones.
        sent: The number of tasks that were sent.
        unfinished: The number of tasks that were not finished in time.
        finished_twice: The number of tasks that were finished more than once.
        started_twice: The number of tasks that were started more than once.
        last_finished: Seconds from the restart until the last task was finished.
        started_again: Seconds from the restart until the last interrupted task was started again, or None if
            no task was started again.
        left: The number of tasks that the broker or the database still had at the end, by state.
    """

    library: Library
    reliable: bool
    sent: int
    unfinished: int
    finished_twice: int
    started_twice: int
    last_finished: float
    started_again: float | None
    left: dict[str, int]


def measure_losses(libraries: Iterable[Library], count: int, seconds: float) -> list[Loss]:
    """Kill a worker of each library, once with each of the library's settings (see `Library.modes`).

    All workers run in parallel, because their tasks only sleep.

    Args:
        libraries: The libraries to measure.
        count: The number of tasks for each worker.
        seconds: Seconds to wait after the restart for the tasks to finish.
    """
    modes = [(library, reliable) for library in libraries for reliable in library.modes]
    with ThreadPoolExecutor(len(modes)) as threads:
        return list(threads.map(lambda mode: measure_loss(*mode, count, seconds), modes))


def measure_loss(library: Library, reliable: bool, count: int, seconds: float) -> Loss:
    """Kill and restart a worker, and find out what happens to its tasks.

    The worker is killed while it is in the middle of two naps.

    Args:
        library: The library to measure.
        reliable: Whether to use the reliable settings instead of the default ones.
        count: The number of tasks to send.
        seconds: Seconds to wait after the restart for the tasks to finish.
    """
    with prepared(library, reliable=reliable) as trial:
        trial.send("nap", count)
        trial.worker.start()
        _wait_for_the_middle(trial, max(2, count // 4))
        trial.worker.kill()
        restart = trial.worker.start()
        _wait_until_finished(trial, count, restart, seconds)
        started, finished = trial.traces("started"), trial.traces("finished")
        if len(finished) == count:
            until(lambda: not trial.left(), 5)  # the last task finishes just before it is acknowledged
        return Loss(
            library,
            reliable,
            count,
            unfinished=count - len(finished),
            finished_twice=repeated(finished),
            started_twice=repeated(started),
            last_finished=max(max(times) for times in finished.values()) - restart,
            started_again=started_again_after(started, restart),
            left=trial.left(),
        )


def repeated(trace: Trace) -> int:
    """Return the number of tasks that left more than one trace."""
    return sum(len(times) > 1 for times in trace.values())


def started_again_after(started: Trace, restart: float) -> float | None:
    """Return the seconds from `restart` until the last interrupted task was started again.

    Returns None if no task was started again.
    """
    return max((max(times) - restart for times in started.values() if len(times) > 1), default=None)


def in_the_middle(started: Trace, finished: Trace, now: float) -> bool:
    """Return True if two tasks are running at the time `now` and both are halfway through."""
    ages = [now - times[-1] for number, times in started.items() if number not in finished]
    return len(ages) == 2 and all(MIDDLE[0] < age < MIDDLE[1] for age in ages)


def _wait_for_the_middle(trial: Trial, count: int) -> None:
    """Wait until `count` tasks have started and both running tasks are halfway through.

    When a task ends, the worker fetches the next message. If a worker is killed at that moment, Kombu can
    lose a message from Redis (docs/explanation/delivery.md, "A gap in at least once").

    Raises:
        WorkshopError: If the worker exited, or if it did not reach this state within PATIENCE seconds.
    """

    def is_reached() -> bool:
        finished, started = trial.traces("finished"), trial.traces("started")
        return len(started) >= count and in_the_middle(started, finished, time.time())

    is_over = until(lambda: is_reached() or not trial.worker.running, PATIENCE)
    if not is_over or not trial.worker.running:
        raise WorkshopError(trial.message("the worker did not start working."))


def _wait_until_finished(trial: Trial, count: int, restart: float, seconds: float) -> None:
    """Wait until all tasks are finished, but no longer than `seconds` seconds after the time `restart`.

    Raises:
        WorkshopError: If the new worker exited, or if it finished no task within PATIENCE seconds.
    """

    def is_over() -> bool:
        return len(trial.traces("finished")) == count or not trial.worker.running

    def is_active() -> bool:
        return any(times[-1] > restart for times in trial.traces("finished").values())

    active = until(lambda: is_over() or is_active(), PATIENCE)
    until(is_over, restart + seconds - time.time())
    if not active or not trial.worker.running:
        raise WorkshopError(trial.message("the restarted worker did nothing."))
