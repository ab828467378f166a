"""The states of a service under `up`."""

import pytest

from workshop.runtime.service_state import ALIVE, SETTLED, STOPPED, State, check


def test_each_state_is_alive_or_stopped():
    assert set(State) == ALIVE | STOPPED
    assert not ALIVE & STOPPED
    assert {
        State.READY,
        State.BROKEN,
        State.WAITING,
        State.UNREADABLE,
        State.CRASHED,
        State.DONE,
    } == SETTLED


@pytest.mark.parametrize("before", sorted(ALIVE, key=lambda state: state.value))
def test_each_process_can_end(before):
    assert check(before, State.DONE) == State.DONE


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (State.NEW, State.READY),
        (State.CRASHED, State.READY),
        (State.DONE, State.STARTING),
        (State.WAITING, State.STOPPING),
        (State.READY, State.BROKEN),
    ],
)
def test_a_wrong_order_is_an_error(before, after):
    with pytest.raises(ValueError, match=f"{before.name} cannot become {after.name}"):
        check(before, after)
