"""Wait for a condition."""

from collections.abc import Callable
from time import monotonic, sleep

PATIENCE = 15
"""The number of seconds to wait for something that normally takes well under one second."""


def until(condition: Callable[[], object], seconds: float = PATIENCE, longest_pause: float = 0.05) -> object:
    """Wait until `condition()` is true, and return its value.

    Args:
        condition: The function that is called repeatedly, at first with very short pauses.
        seconds: The maximum number of seconds to wait.
        longest_pause: The maximum number of seconds between two calls.

    Returns:
        The last value of `condition()`, which is false if the condition did not become true in time.
    """
    deadline = monotonic() + seconds
    pause = min(0.005, longest_pause)
    while not (value := condition()) and monotonic() < deadline:
        sleep(pause)
        pause = min(pause * 1.5, longest_pause)
    return value
