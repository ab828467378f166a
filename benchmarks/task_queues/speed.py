"""Measure a library's startup time, memory use, and speed with empty tasks, single tasks and photos."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.task_queues.libraries import Library
from benchmarks.task_queues.trial import Trial, prepared
from benchmarks.task_queues.worker import Worker

SAMPLE_SECONDS = 0.5


@dataclass(frozen=True)
class Work:
    """The number of tasks of each kind."""

    empty: int
    photos: int
    answers: int


@dataclass
class Speed:
    """The results for one library. There is one value per round, but single tasks have one value per task.

    Attributes:
        library: The measured library.
        startup: Seconds from the start of the worker until the first task is finished.
        sent: The number of tasks that the producer sends per second.
        empty: The number of empty tasks that the worker finishes per second.
        photos: The number of photos that the worker resizes per second.
        until_started: Seconds from sending a single task until it starts.
        until_result: Seconds from sending a single task until its result arrives.
        idle: The memory of all worker processes while they run no task, in MB.
        busy: The peak memory of all worker processes while they resize photos, in MB.
    """

    library: Library
    startup: list[float] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)
    empty: list[float] = field(default_factory=list)
    photos: list[float] = field(default_factory=list)
    until_started: list[float] = field(default_factory=list)
    until_result: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)


def measure_round(speed: Speed, work: Work, photo: bytes) -> None:
    """Take each measurement once, and add the results to `speed`."""
    with prepared(speed.library, photo) as trial:
        # Send all tasks before the worker starts, so that the producer and the worker don't share the cores.
        speed.sent.append(work.empty / float(trial.send("empty", work.empty)))
        start = trial.worker.start()
        finished = trial.all_finished(work.empty)
        speed.startup.append(min(finished) - start)
        speed.empty.append(rate(finished))
        _single_tasks(trial, work.answers, speed)
        speed.idle.append(trial.worker.memory())
        with _memory_samples(trial.worker) as samples:
            trial.send("photo", work.photos)
            speed.photos.append(rate(trial.all_finished(work.photos)))
        speed.busy.append(max(samples))


def rate(moments: Sequence[float]) -> float:
    """Return the number of tasks per second, calculated from the times at which the tasks were finished.

    The first tenth of the tasks (at least one task) is warm-up and is not counted.

    Raises:
        ValueError: If there are fewer than two tasks.
    """
    if len(moments) < 2:
        raise ValueError("At least two tasks are needed to calculate a rate.")
    ordered = sorted(moments)
    warm = max(1, len(ordered) // 10)
    return (len(ordered) - warm) / max(ordered[-1] - ordered[warm - 1], 1e-6)


def _single_tasks(trial: Trial, count: int, speed: Speed) -> None:
    lines = trial.send("answer", count).splitlines()
    started = trial.traces("started")
    for number, line in enumerate(lines):
        sent, answered = map(float, line.split())
        speed.until_started.append(started[number][0] - sent)
        speed.until_result.append(answered - sent)


@contextmanager
def _memory_samples(worker: Worker) -> Iterator[list[float]]:
    """Measure the worker's memory in MB every half second while the `with` block runs."""
    samples, over = [], threading.Event()

    def sample() -> None:
        samples.append(worker.memory())
        while not over.wait(SAMPLE_SECONDS):
            samples.append(worker.memory())

    with ThreadPoolExecutor(1) as threads:
        sampling = threads.submit(sample)
        try:
            yield samples
        finally:
            over.set()
    sampling.result()
