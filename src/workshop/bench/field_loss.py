"""What is lost when the whole worker is killed with -9 in the middle of its work, and started again."""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from workshop.errors import WorkshopError

from .field_place import PATIENCE, Place, Trace, place
from .field_rivals import Rival


@dataclass(frozen=True)
class Loss:
    """Of `sent` tasks: `never` were not done within the time, `twice` were done more than once, `again` were
    begun more than once. after: seconds from the new start until the last one was done. left: what broker or
    database still had at the end, by its state."""

    sent: int
    never: int
    twice: int
    again: int
    after: float
    left: dict[str, int]


def counted(sent: int, begun: Trace, done: Trace) -> tuple[int, int, int]:
    """Of `sent` tasks, numbered from 0: those never done, done more than once, begun more than once."""
    numbers = range(sent)
    return (
        sum(number not in done for number in numbers),
        sum(len(done.get(number, ())) > 1 for number in numbers),
        sum(len(begun.get(number, ())) > 1 for number in numbers),
    )


def all_losses(rivals: Iterable[Rival], count: int, seconds: float) -> list[tuple[Rival, bool, Loss]]:
    """Kill each rival's worker in each of its modes. All at once: their tasks only wait, and so do we."""
    trials = [(rival, reliable) for rival in rivals for reliable in rival.modes]
    with ThreadPoolExecutor(len(trials)) as threads:
        losses = list(threads.map(lambda trial: one_loss(*trial, count, seconds), trials))
    return [(*trial, loss) for trial, loss in zip(trials, losses, strict=True)]


def one_loss(rival: Rival, reliable: bool, count: int, seconds: float) -> Loss:
    """Send `count` naps, kill the worker once a quarter is begun, start it again, wait up to `seconds`."""
    with place(rival, reliable=reliable) as here:
        here.send("nap", count)
        here.worker.start()
        _until_begun(here, max(2, count // 4))
        here.worker.kill()
        started = here.worker.start()
        done = _until_done(here, count, started, seconds)
        last = max(moment for times in done.values() for moment in times)
        never, twice, again = counted(count, here.traces("begun"), done)
        return Loss(count, never, twice, again, last - started, here.left())


def _until_begun(here: Place, count: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while len(here.traces("begun")) < count:
        if time.monotonic() > deadline or not here.worker.running:
            raise WorkshopError(
                f"{here.rival.name}: its worker did not begin its work.\n{here.worker.last_lines()}"
            )
        time.sleep(0.01)


def _until_done(here: Place, count: int, started: float, seconds: float) -> Trace:
    """What is done when all is, or `seconds` after the new start at the moment `started`.

    Raises WorkshopError when the new worker ends, or does nothing at all, for which it has longer.
    """
    while len(done := here.traces("done")) < count:
        active = any(moment > started for times in done.values() for moment in times)
        waited = time.time() - started
        if not here.worker.running or (waited > PATIENCE and not active):
            raise WorkshopError(
                f"{here.rival.name}: started again, its worker did nothing.\n{here.worker.last_lines()}"
            )
        if active and waited > seconds:
            break
        time.sleep(0.1)
    return done
