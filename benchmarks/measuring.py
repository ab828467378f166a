"""What measurements are made with: ways that take turns, ratios within one run, goals to judge them by."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path


@dataclass(frozen=True)
class Goal:
    """A ratio, and its limit: at least `limit`, or at most `limit` with `at_most`.

    unit: such as "s" for a value that isn't a ratio.
    """

    what: str
    ratio: float
    limit: float
    at_most: bool = False
    unit: str = ""

    @property
    def is_met(self) -> bool:
        return self.ratio <= self.limit if self.at_most else self.ratio >= self.limit

    @property
    def bound(self) -> str:
        """For example "at most 1.5"."""
        return f"at {'most' if self.at_most else 'least'} {self.limit:g}{self._unit}"

    @property
    def result(self) -> str:
        """The ratio with two digits. A missed goal gets a third one where two would look like the limit."""
        # 0.946 is not 0.95 where the goal is at least that.
        digits = 3 if not self.is_met and f"{self.ratio:.2f}" == f"{self.limit:.2f}" else 2
        return f"{self.ratio:.{digits}f}{self._unit}"

    def __str__(self) -> str:
        return f"{self.what}: {self.result} (goal: {self.bound}, {'met' if self.is_met else 'MISSED'})"

    @property
    def _unit(self) -> str:
        return f" {self.unit}" if self.unit else ""


def alternate(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """The seconds that each of `ways` takes, by name: `rounds` of them, in turn as `in_turn` runs them."""
    return in_turn({name: partial(_timed, way) for name, way in ways.items()}, rounds)


def _timed(way: Callable[[], object]) -> float:
    started = time.perf_counter()
    way()
    return time.perf_counter() - started


def in_turn(ways: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What each of `ways` returns, by name: `rounds` times, after one that is not counted.

    Every round runs each way once and begins with another one, so that a machine that becomes busy or warm
    slows all of them alike.
    """
    found: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for way in ways.values():
        way()
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            found[name].append(ways[name]())
    return found


def ratio(seconds: dict[str, list[float]], one: str, other: str) -> float:
    """How many times as long `one` takes as `other`, by their medians."""
    return statistics.median(seconds[one]) / statistics.median(seconds[other])


def machine() -> str:
    """This machine in one line: processor, cores, how busy it is, system and Python."""
    busy = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    cores = os.cpu_count() or 1
    return f"{_processor()}, {cores} cores{busy} · {platform.system()} · Python {platform.python_version()}"


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
