"""Receive the events about tasks in a notebook."""

import contextlib
import time
from collections.abc import Iterator

from celery import current_app
from celery.signals import after_task_publish

ENDS = ("task-succeeded", "task-failed", "task-revoked", "task-rejected")


@contextlib.contextmanager
def receive_events(seconds: float = 5) -> Iterator[list[dict]]:
    """Receive all events during the block, and afterwards until the tasks that were sent in it have finished.

    seconds: the maximum time to wait for them. Yields the growing list of events.
    """
    events: list[dict] = []
    sent: set[str] = set()

    def note(headers, **_):
        sent.add(headers["id"])

    with current_app.connection_for_read() as connection:
        receiver = current_app.events.Receiver(connection, handlers={"*": events.append})
        with receiver.consumer_context(wakeup=False) as (consumer, _, _):
            _drain(consumer)  # from here on, no event is missed
            after_task_publish.connect(note)
            try:
                yield events
            finally:
                after_task_publish.disconnect(note)
            until = time.monotonic() + seconds
            while sent - _ended(events) and time.monotonic() < until:
                _drain(consumer)


def moments(events: list[dict], task_id: str) -> dict[str, float]:
    """Return the times of a task's events, in seconds since 1970: {"task-sent": 1767225600.0, …}."""
    return {event["type"]: event["timestamp"] for event in events if event.get("uuid") == task_id}


def _drain(consumer) -> None:
    with contextlib.suppress(TimeoutError):
        consumer.drain_events(timeout=0.2)


def _ended(events: list[dict]) -> set[str]:
    return {event["uuid"] for event in events if event["type"] in ENDS}
