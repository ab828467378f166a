"""`./workshop broker stop` and `start`: stop or start just the broker while `up` is running."""

import signal

import psutil

from workshop.errors import WorkshopError
from workshop.runtime import up_state
from workshop.runtime.broker import answers
from workshop.system.waiting import until

STOP, START = SIGNALS = (signal.SIGUSR1, signal.SIGUSR2)
"""The signals that make the `up` process stop or start its broker."""
SECONDS = 60
"""The maximum time for the broker to stop or start, in seconds."""


def switch(on: bool) -> str:
    """Start or stop the broker of the running `up`, and return a sentence that says what happened.

    Raises:
        WorkshopError: No `up` is running, `up` uses an external broker, or the broker did not stop or start
            within SECONDS.
    """
    state = up_state.read()
    up, url = up_state.process(state), state.get("addresses", {}).get("broker", "")
    if up is None:
        raise WorkshopError(
            "./workshop up is not running, so there is no broker to stop or start. Start it: ./workshop up"
        )
    if not state.get("own_broker"):
        raise WorkshopError(f"./workshop up uses your own broker at {url}. Stop and start it yourself.")
    if answers(url) is on:
        return f"The broker is already {'running' if on else 'stopped'}."
    try:
        up_state.signal_to(up, START if on else STOP)
    except psutil.Error as error:
        raise WorkshopError(f"Could not send a signal to ./workshop up ({error}).") from error
    if not until(lambda: answers(url, 0.5) is on, SECONDS):
        what = "start" if on else "stop"
        raise WorkshopError(f"The broker did not {what}. The terminal that runs ./workshop up shows why.")
    if on:
        return f"The broker is running again at {url}. Its queues are empty."
    return "The broker is stopped. Start it again: ./workshop broker start"
