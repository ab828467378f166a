"""`./workshop broker stop` and `start`: the broker of a running `up`, alone."""

import signal

import psutil

from workshop.errors import WorkshopError
from workshop.runtime import up_state
from workshop.runtime.broker import answers
from workshop.system.waiting import until

STOP, START = SIGNALS = (signal.SIGUSR1, signal.SIGUSR2)
"""The signals that the process of `up` gets."""
SECONDS = 60
"""How long the broker may take to stop or start."""


def switch(on: bool) -> str:
    """Start the broker of the running `up`, or stop it, and say what happened.

    Raises WorkshopError when no `up` runs, when its broker is not the workshop's own, or when the broker does
    not stop or start within SECONDS.
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
        return f"The broker is {'running' if on else 'stopped'} already."
    try:
        up.send_signal(START if on else STOP)
    except psutil.Error as error:
        raise WorkshopError(f"./workshop up could not be signaled ({error}).") from error
    if not until(lambda: answers(url, 0.5) is on, SECONDS):
        what = "start" if on else "stop"
        raise WorkshopError(f"The broker did not {what}. See the terminal of ./workshop up for the reason.")
    if on:
        return f"The broker is running again at {url}. Its queues are empty."
    return "The broker is stopped. Start it again: ./workshop broker start"
