"""Wait for something that a worker does, with a readable error if it doesn't happen."""

import time
from collections.abc import Callable

from workshop.errors import WorkshopError

from .workers import workers

LOOK_EVERY = 0.05
SILENCE = 2.0
"""Seconds after which the code checks whether a worker is running."""


def wait_until(condition: Callable[[], object], seconds: float = 10, what: str = "It"):
    """Wait until `condition()` returns something true, and return it. Checks twenty times a second.

    what: a name for the result, for the error message. Raises WorkshopError after `seconds`, or earlier if no
    worker is running.
    """
    began, asked = time.monotonic(), False
    while not (found := condition()):
        passed = time.monotonic() - began
        # Without a worker, there is nothing to wait for.
        if passed > seconds or (passed > SILENCE and not asked):
            asked, up = True, workers()
            if up and passed <= seconds:
                continue
            why = (
                f"Running workers: {up}. Run the cell again when they are less busy."
                if up
                else "No worker is running. Start one in a terminal: ./workshop up"
            )
            awaited = what[0].lower() + what[1:]
            raise WorkshopError(f"Timed out after {passed:.0f} s while waiting for {awaited}. {why}")
        time.sleep(LOOK_EVERY)
    return found
