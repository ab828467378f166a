"""Measure a rival: startup, empty tasks, a single task, photos, and the memory of its processes."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.task_queues.rivals import Rival
from benchmarks.task_queues.trial import Place, place

SAMPLE_SECONDS = 0.5


@dataclass(frozen=True)
class Work:
    """The number of tasks of each kind."""

    empty: int
    photos: int
    answers: int


@dataclass
class Speed:
    """One value per round, or one per task for single tasks, in seconds, tasks per second or MB."""

    start: list[float] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)
    empty: list[float] = field(default_factory=list)
    begin: list[float] = field(default_factory=list)
    result: list[float] = field(default_factory=list)
    photos: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)


def one_round(rival: Rival, work: Work, photo: bytes, speed: Speed) -> None:
    """Take each measurement once. Raises WorkshopError if a task is not finished, or finished twice."""
    with place(rival, photo) as here:
        # Send all tasks before the worker starts, so that the producer and the worker don't share the cores.
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
    """Tasks per second, calculated from the times at which they were finished.

    The first tenth is warm-up (at least one task). Raises ValueError for fewer than two tasks.
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
    """During the block, a thread measures the worker's memory every half second."""

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
