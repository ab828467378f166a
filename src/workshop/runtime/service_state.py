"""The states of a service under the supervisor, and which state may follow which."""

from enum import Enum, auto


class State(Enum):
    """What a service is doing. `ALIVE` states have a process; `SETTLED` states change only from outside."""

    NEW = auto()
    """It has not been started yet."""
    PROBING = auto()
    """A short command checks whether the learner's code can already run it."""
    STARTING = auto()
    READY = auto()
    FAILING = auto()
    """It runs, but has printed the first lines of an error."""
    BROKEN = auto()
    """It runs, but cannot load the learner's code."""
    STOPPING = auto()
    WAITING = auto()
    """It cannot start before the learner has done a step."""
    UNREADABLE = auto()
    """It was not started, because a file has a syntax error."""
    CRASHED = auto()
    DONE = auto()
    """It has done its work, or `up` is stopping."""


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
    """Return the state `after`.

    Raises:
        ValueError: `after` may not follow `before`.
    """
    if after not in _NEXT[before]:
        raise ValueError(f"A service that is {before.name} cannot become {after.name}.")
    return after
