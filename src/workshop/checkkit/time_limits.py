"""Limit how long the learner's code may wait, so that a check doesn't hang if the code waits for a task."""

import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from workshop.checkkit import Complaint

SECONDS = 6
"""How long the code may sleep, in seconds. Computing and waiting for a busy CPU don't count."""
MAX_SECONDS = 60
"""How long the code may run, in seconds, even if it doesn't sleep."""


@contextlib.contextmanager
def time_limit(what: str, why: str = "", **facts: object) -> Iterator[None]:
    """Interrupt the `with` block if it sleeps for more than SECONDS or runs for more than MAX_SECONDS.

    Args:
        what: The first sentence of the complaint, which says what was observed.
        why: The rest of the complaint, which explains the problem.
        **facts: The values that the complaint shows, each with its label.

    Raises:
        Complaint: The block slept or ran for too long.
    """
    start, slept_before = time.monotonic(), slept()

    def interrupt(*_signal_and_frame) -> None:
        if slept() - slept_before >= SECONDS or time.monotonic() - start >= MAX_SECONDS:
            raise Complaint(what, why, **facts)
        signal.alarm(1)

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def slept() -> float:
    """Return the time, in seconds, of a clock that advances only while this process sleeps."""
    try:
        # Nanoseconds spent on a CPU and waiting for a CPU: https://docs.kernel.org/scheduler/sched-stats.html
        on_cpu, waiting_for_cpu, _ = map(int, Path("/proc/self/schedstat").read_text().split())
        return time.monotonic() - (on_cpu + waiting_for_cpu) / 1e9
    except OSError:  # not on Linux
        return time.monotonic() - time.process_time()
