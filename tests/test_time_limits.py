"""The time limit for the learner's code: only sleeping counts, because a machine can be busy."""

import threading
import time

import pytest

from workshop.checkkit import Complaint, time_limits


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(time_limits, "SECONDS", 1)


def compute(seconds):
    """Use this much time of a CPU, however long that takes."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_code_that_waits_is_interrupted():
    with pytest.raises(Complaint, match="it waits"), time_limits.time_limit("it waits."):
        threading.Event().wait(600)


def test_code_that_computes_is_not_interrupted():
    with time_limits.time_limit("it waits."):
        compute(3)


def test_code_that_never_ends_is_interrupted(monkeypatch):
    monkeypatch.setattr(time_limits, "MAX_SECONDS", 2)
    with pytest.raises(Complaint), time_limits.time_limit("it computes."):
        compute(600)


def test_nothing_is_interrupted_after_the_block():
    with time_limits.time_limit("it waits."):
        pass
    slept = time_limits.slept()
    while time_limits.slept() < slept + 1.5:
        threading.Event().wait(0.1)
