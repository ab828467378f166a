"""Wait for a condition."""

from collections.abc import Callable
from time import monotonic, sleep

PATIENCE = 15
"""Seconds to wait for something that takes well under one second if everything is right."""


def until(condition: Callable[[], object], seconds: float = PATIENCE, longest_pause: float = 0.05) -> object:
    """Wait until `condition()` is true, and return its value.

    Args:
        condition: Called again and again, at first almost without a pause.
        seconds: How long to wait.
        longest_pause: Seconds between two calls, after the first few calls.

    Returns:
        The last value of `condition()`. After `seconds`, it is false.
    """
    deadline = monotonic() + seconds
    pause = min(0.005, longest_pause)
    while not (value := condition()) and monotonic() < deadline:
        sleep(pause)
        pause = min(pause * 1.5, longest_pause)
    return value
