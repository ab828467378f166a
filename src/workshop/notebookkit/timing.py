"""How long a piece of code takes."""

import time
from collections.abc import Callable
from statistics import median


def median_seconds(way: Callable[[], object], rounds: int = 5) -> float:
    """Call `way()` `rounds` times, and return the median of the times in seconds."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        way()
        times.append(time.perf_counter() - started)
    return median(times)
