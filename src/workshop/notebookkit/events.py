"""Receive task events in a notebook."""

import contextlib
import time
from collections.abc import Iterator

from celery import current_app

from workshop.notebookkit.queues import SENT_IDS

ENDS = ("task-succeeded", "task-failed", "task-revoked", "task-rejected")


@contextlib.contextmanager
def receive_events(seconds: float = 5) -> Iterator[list[dict]]:
    """Receive all events until the tasks that are sent in the `with` block have finished.

    Args:
        seconds: The maximum time to wait for the tasks after the end of the `with` block, in seconds.

    Yields:
        The list to which the events are added.
    """
    events: list[dict] = []
    sent_before = set(SENT_IDS)
    with current_app.connection_for_read() as connection:
        receiver = current_app.events.Receiver(connection, handlers={"*": events.append})
        with receiver.consumer_context(wakeup=False) as (consumer, _, _):
            _drain(consumer)  # from here on, no event is missed
            yield events
            unfinished = set(SENT_IDS) - sent_before
            deadline = time.monotonic() + seconds
            while unfinished and time.monotonic() < deadline:
                _drain(consumer)
                unfinished -= {event["uuid"] for event in events if event["type"] in ENDS}


def event_times(events: list[dict], task_id: str) -> dict[str, float]:
    """Return the Unix timestamps of a task's events by event type, such as {"task-sent": 1767225600.0}."""
    return {event["type"]: event["timestamp"] for event in events if event.get("uuid") == task_id}


def _drain(consumer) -> None:
    with contextlib.suppress(TimeoutError):
        consumer.drain_events(timeout=0.2)
