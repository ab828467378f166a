"""Wait for a condition."""

from collections.abc import Callable
from time import monotonic, sleep

PATIENCE = 15
"""Seconds to wait for something that takes well under one second if everything is right."""


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> object:
    """Wait until `condition()` is true.

    Returns:
        The condition's value; after `seconds`, its last value, which is false.
    """
    deadline = monotonic() + seconds
    pause = 0.005
    while not (value := condition()) and monotonic() < deadline:
        sleep(pause)
        pause = min(pause * 1.5, 0.05)
    return value
