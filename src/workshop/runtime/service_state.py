"""The states of a supervised service, and the transitions that are allowed between them."""

from enum import Enum, auto


class State(Enum):
    """The state of a service.

    A service in an `ALIVE` state has a process. A `SETTLED` state doesn't change on its own.
    """

    NEW = auto()
    """The service has not been started yet."""
    PROBING = auto()
    """A short command is checking whether the service can already run with the learner's code."""
    STARTING = auto()
    READY = auto()
    FAILING = auto()
    """The service is running, but it has printed the first lines of an error."""
    BROKEN = auto()
    """The service is running, but it cannot load the learner's code."""
    STOPPING = auto()
    WAITING = auto()
    """The service cannot start until the learner has done a step."""
    UNREADABLE = auto()
    """The service was not started because a file has a syntax error."""
    CRASHED = auto()
    DONE = auto()
    """The service has done its work, or the supervisor is stopping."""


_START = {State.PROBING, State.STARTING, State.UNREADABLE}
_EXIT = {State.CRASHED, State.DONE}
_NEXT = {
    State.NEW: _START,
    State.PROBING: _START | _EXIT | {State.WAITING, State.STOPPING},
    State.STARTING: _EXIT | {State.STARTING, State.READY, State.FAILING, State.STOPPING},
    State.READY: _EXIT | {State.STARTING, State.FAILING, State.STOPPING},
    State.FAILING: _EXIT | {State.STARTING, State.BROKEN, State.STOPPING},
    State.BROKEN: _EXIT | {State.STARTING, State.STOPPING},
    State.STOPPING: _START | {State.DONE},
    State.WAITING: _START,
    State.UNREADABLE: _START,
    State.CRASHED: _START,
    State.DONE: set(),
}
STOPPED = {State.NEW, State.WAITING, State.UNREADABLE, State.CRASHED, State.DONE}
ALIVE = set(State) - STOPPED
SETTLED = STOPPED - {State.NEW} | {State.READY, State.BROKEN}


def check(before: State, after: State) -> State:
    """Check that a service can change from the state `before` to the state `after`, and return `after`.

    Raises:
        ValueError: A service can't change from the state `before` to the state `after`.
    """
    if after not in _NEXT[before]:
        raise ValueError(f"A service that is {before.name} cannot become {after.name}.")
    return after
