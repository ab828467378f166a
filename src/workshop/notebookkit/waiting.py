"""Waiting for something that a worker brings about, with a sentence when it does not come."""

import time
from collections.abc import Callable

from workshop.errors import WorkshopError

from .workers import workers

LOOK_EVERY = 0.05
SILENCE = 2.0
"""Seconds after which it is worth asking whether a worker is up at all."""


def wait_until(condition: Callable[[], object], seconds: float = 10, what: str = "It"):
    """Return what `condition()` gives, as soon as that is true. Looks twenty times a second.

    Raises WorkshopError when nothing has come after `seconds`, or when no worker is up; it says `what` is
    missing.
    """
    began, asked = time.monotonic(), False
    while not (found := condition()):
        passed = time.monotonic() - began
        # Where nobody is, there is nothing to wait for.
        if passed > seconds or (passed > SILENCE and not asked):
            asked, up = True, workers()
            if up and passed <= seconds:
                continue
            why = (
                f"Workers are up: {up}. Run the cell again when they are less busy."
                if up
                else "No worker is up. Start one in a terminal: ./workshop up"
            )
            raise WorkshopError(f"{what} did not come within {passed:.0f} s. {why}")
        time.sleep(LOOK_EVERY)
    return found
