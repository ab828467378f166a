"""Count the tasks that are lost when the whole worker is killed with kill -9 and restarted."""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.task_queues.libraries import Library
from benchmarks.task_queues.trial import PATIENCE, Trace, Trial, prepared
from workshop.errors import WorkshopError
from workshop.system.waiting import until

MIDDLE = 0.1, 0.4
"""Seconds after its start between which a nap of half a second counts as halfway through."""


@dataclass(frozen=True)
class Loss:
    """What happened to the tasks of a killed worker.

    Attributes:
        library: The library.
        reliable: Whether it used the settings that protect against a killed worker.
        sent: The number of tasks.
        unfinished: Tasks that were not finished in time.
        finished_twice: Tasks that were finished more than once.
        started_twice: Tasks that were started more than once.
        last_finished: Seconds from the restart until the last task was finished.
        started_again: Seconds from the restart until the last interrupted task was started again, or None if
            none was.
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
    """Kill the worker of each library in each of its modes.

    All run in parallel, because their tasks only sleep.

    Args:
        libraries: The libraries to measure.
        count: The number of tasks for each worker.
        seconds: How long to wait for the tasks after the restart.
    """
    modes = [(library, reliable) for library in libraries for reliable in library.modes]
    with ThreadPoolExecutor(len(modes)) as threads:
        return list(threads.map(lambda mode: measure_loss(*mode, count, seconds), modes))


def measure_loss(library: Library, reliable: bool, count: int, seconds: float) -> Loss:
    """Send `count` naps, kill the worker in the middle of two, restart it, and wait up to `seconds`."""
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
    """Return the number of tasks with more than one trace."""
    return sum(len(times) > 1 for times in trace.values())


def started_again_after(started: Trace, restart: float) -> float | None:
    """Return the seconds from `restart` until the last interrupted task was started again."""
    return max((max(times) - restart for times in started.values() if len(times) > 1), default=None)


def in_the_middle(started: Trace, finished: Trace, now: float) -> bool:
    """Return True if two tasks are running at the moment `now`, and both are halfway through."""
    ages = [now - times[-1] for number, times in started.items() if number not in finished]
    return len(ages) == 2 and all(MIDDLE[0] < age < MIDDLE[1] for age in ages)


def _wait_for_the_middle(trial: Trial, count: int) -> None:
    """Return once `count` tasks have started and every process of the worker is halfway through a task.

    When a task ends, the worker fetches the next message. If a worker is killed at that moment, Kombu with
    Redis can lose a message (docs/explanation/delivery.md, "A gap in at least once").

    Raises:
        WorkshopError: The worker exited, or it has not started so many tasks after PATIENCE seconds.
    """

    def is_reached() -> bool:
        finished, started = trial.traces("finished"), trial.traces("started")
        return len(started) >= count and in_the_middle(started, finished, time.time())

    is_over = until(lambda: is_reached() or not trial.worker.running, PATIENCE)
    if not is_over or not trial.worker.running:
        raise WorkshopError(trial.message("the worker did not start working."))


def _wait_until_finished(trial: Trial, count: int, restart: float, seconds: float) -> None:
    """Wait until all tasks are finished, but at most `seconds` after the moment `restart`.

    Raises:
        WorkshopError: The new worker exited, or it finished no task within PATIENCE seconds.
    """

    def is_over() -> bool:
        return len(trial.traces("finished")) == count or not trial.worker.running

    def is_active() -> bool:
        return any(times[-1] > restart for times in trial.traces("finished").values())

    active = until(lambda: is_over() or is_active(), PATIENCE)
    until(is_over, restart + seconds - time.time())
    if not active or not trial.worker.running:
        raise WorkshopError(trial.message("the restarted worker did nothing."))
