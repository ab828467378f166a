"""Count the tasks that are lost when the whole worker is killed with kill -9 and restarted."""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.task_queues.rivals import Rival
from benchmarks.task_queues.trial import PATIENCE, Place, Trace, place
from workshop.errors import WorkshopError
from workshop.system.waiting import until

MIDDLE = 0.1, 0.4
"""Seconds after its start between which a nap of half a second counts as halfway through."""


@dataclass(frozen=True)
class Loss:
    """What happened to `sent` tasks.

    never: tasks not finished in time. twice: tasks finished more than once. again: tasks started more than
    once. after: seconds from the restart until the last task was finished. left: the number of tasks that the
    broker or the database still had at the end, by state. back: seconds from the restart until the last
    interrupted task was started again, or None if none was.
    """

    sent: int
    never: int
    twice: int
    again: int
    after: float
    left: dict[str, int]
    back: float | None = None


def counted(sent: int, begun: Trace, done: Trace) -> tuple[int, int, int]:
    """How many of `sent` tasks were never finished, finished repeatedly, and started repeatedly."""
    numbers = range(sent)
    return (
        sum(number not in done for number in numbers),
        sum(len(done.get(number, ())) > 1 for number in numbers),
        sum(len(begun.get(number, ())) > 1 for number in numbers),
    )


def back_after(begun: Trace, restart: float) -> float | None:
    """Seconds from `restart` until the last task that had already been started was started again."""
    again = [max(times) - restart for times in begun.values() if len(times) > 1]
    return max(again, default=None)


def all_losses(rivals: Iterable[Rival], count: int, seconds: float) -> list[tuple[Rival, bool, Loss]]:
    """Kill each rival's worker in each of its modes. All run in parallel, because their tasks only sleep."""
    trials = [(rival, reliable) for rival in rivals for reliable in rival.modes]
    with ThreadPoolExecutor(len(trials)) as threads:
        losses = list(threads.map(lambda trial: one_loss(*trial, count, seconds), trials))
    return [(*trial, loss) for trial, loss in zip(trials, losses, strict=True)]


def one_loss(rival: Rival, reliable: bool, count: int, seconds: float) -> Loss:
    """Send `count` naps, kill the worker in the middle of two, restart it, and wait up to `seconds`."""
    with place(rival, reliable=reliable) as here:
        here.send("nap", count)
        here.worker.start()
        _until_in_the_middle(here, max(2, count // 4))
        here.worker.kill()
        started = here.worker.start()
        done = _until_done(here, count, started, seconds)
        if len(done) >= count:
            until(lambda: not here.left(), 5)  # the last task finishes just before it is acknowledged
        last = max(moment for times in done.values() for moment in times)
        begun = here.traces("begun")
        never, twice, again = counted(count, begun, done)
        return Loss(count, never, twice, again, last - started, here.left(), back_after(begun, started))


def in_the_middle(begun: Trace, done: Trace, now: float) -> bool:
    """Whether two tasks are running at the moment `now`, and both are halfway through."""
    ages = [now - times[-1] for number, times in begun.items() if number not in done]
    return len(ages) == 2 and all(MIDDLE[0] < age < MIDDLE[1] for age in ages)


def _until_in_the_middle(here: Place, count: int) -> None:
    """Return once `count` tasks have started and every process of the worker is halfway through a task.

    When a task ends, the worker fetches the next message. If a worker is killed at that moment, Kombu with
    Redis can lose a message (docs/explanation/delivery.md, "A gap in at least once").
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        done, begun = here.traces("done"), here.traces("begun")
        if len(begun) >= count and in_the_middle(begun, done, time.time()):
            return
        if time.monotonic() > deadline or not here.worker.running:
            raise WorkshopError(
                f"{here.rival.name}: the worker did not start working.\n{here.worker.last_lines()}"
            )
        time.sleep(0.01)


def _until_done(here: Place, count: int, started: float, seconds: float) -> Trace:
    """The finished tasks, once all are finished or `seconds` after the restart at the moment `started`.

    Raises WorkshopError if the new worker exits, or if it finishes no task within PATIENCE seconds.
    """
    while len(done := here.traces("done")) < count:
        active = any(moment > started for times in done.values() for moment in times)
        waited = time.time() - started
        if not here.worker.running or (waited > PATIENCE and not active):
            raise WorkshopError(
                f"{here.rival.name}: the restarted worker did nothing.\n{here.worker.last_lines()}"
            )
        if active and waited > seconds:
            break
        time.sleep(0.1)
    return done
