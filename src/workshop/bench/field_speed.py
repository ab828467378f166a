"""How fast a rival is: start, empty tasks, a single task, photos; and what its processes weigh."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from .field_place import Place, place
from .field_rivals import Rival

SAMPLE_SECONDS = 0.5


@dataclass(frozen=True)
class Work:
    """How much of each."""

    empty: int
    photos: int
    answers: int


@dataclass
class Speed:
    """A value for each round; for the single tasks one for each of them. Seconds, tasks per second, MB."""

    start: list[float] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)
    empty: list[float] = field(default_factory=list)
    begin: list[float] = field(default_factory=list)
    result: list[float] = field(default_factory=list)
    photos: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)


def one_round(rival: Rival, work: Work, photo: bytes, speed: Speed) -> None:
    """Measure each once. Raises WorkshopError when a task is not done, or done twice."""
    with place(rival, photo) as here:
        # All are sent before the worker starts, so that sender and worker do not share the cores.
        speed.sent.append(work.empty / float(here.send("empty", work.empty)))
        began = here.worker.start()
        done = [times[0] for times in here.all_done(work.empty).values()]
        speed.start.append(min(done) - began)
        speed.empty.append(rate(done))
        _single(here, work.answers, speed)
        speed.idle.append(here.worker.memory())
        with _weighed(here) as weights:
            here.send("photo", work.photos)
            done = [times[0] for times in here.all_done(work.photos).values()]
        speed.photos.append(rate(done))
        speed.busy.append(max(weights))


def rate(moments: Sequence[float]) -> float:
    """Tasks per second, out of the moments when they were done; a first tenth is warm-up, one at least.

    ValueError for fewer than two.
    """
    if len(moments) < 2:
        raise ValueError("A rate needs two tasks.")
    ordered = sorted(moments)
    warm = max(1, len(ordered) // 10)
    return (len(ordered) - warm) / max(ordered[-1] - ordered[warm - 1], 1e-6)


def _single(here: Place, count: int, speed: Speed) -> None:
    lines = here.send("answer", count).splitlines()
    begun = here.traces("begun")
    for number, line in enumerate(lines):
        sent, answered = map(float, line.split())
        speed.begin.append(begun[number][0] - sent)
        speed.result.append(answered - sent)


class _weighed:
    """While inside, a thread asks every half second what the worker weighs."""

    def __init__(self, here: Place):
        self._here, self._over = here, threading.Event()
        self._found: list[float] = []
        self._thread = threading.Thread(target=self._weigh, daemon=True)

    def __enter__(self) -> list[float]:
        self._thread.start()
        return self._found

    def __exit__(self, *exc_info) -> None:
        self._over.set()
        self._thread.join()

    def _weigh(self) -> None:
        while True:
            self._found.append(self._here.worker.memory())
            if self._over.wait(SAMPLE_SECONDS):
                return
