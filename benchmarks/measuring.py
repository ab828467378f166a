"""Take measurements in turn, and calculate ratios of values from the same run."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")


def rotated(items: Sequence[Item], number: int) -> list[Item]:
    """Return `items` in the order for round `number`.

    Each round starts with a different item, so that a machine that becomes busy or warm slows down all items
    equally.
    """
    first = number % len(items)
    return [*items[first:], *items[:first]]


def measure_in_turn(measurements: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Take each measurement once per round, after a warm-up round that is not counted.

    Args:
        measurements: The function that takes each measurement and returns the value, by name.
        rounds: The number of rounds that are counted.

    Returns:
        The values of each measurement, by name.
    """
    for measure in measurements.values():
        measure()
    values: dict[str, list[float]] = {name: [] for name in measurements}
    for number in range(rounds):
        for name in rotated(list(measurements), number):
            values[name].append(measurements[name]())
    return values


def time_in_turn(functions: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return how many seconds each function takes in each round, by name (see `measure_in_turn`)."""
    return measure_in_turn({name: partial(_seconds, run) for name, run in functions.items()}, rounds)


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def ratio(values: dict[str, list[float]], one: str, other: str) -> float:
    """Return the median of the values of `one`, divided by the median of the values of `other`."""
    return statistics.median(values[one]) / statistics.median(values[other])


def machine() -> str:
    """Describe this machine in one line: processor, cores, load, operating system and Python."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    cores = os.cpu_count() or 1
    return f"{_processor()}, {cores} cores{load} · {platform.system()} · Python {platform.python_version()}"


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
