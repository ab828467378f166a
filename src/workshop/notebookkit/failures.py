"""Disrupt the storage or the workers for the duration of a `with` block."""

import contextlib
import io
from collections.abc import Iterator
from contextlib import AbstractContextManager

from celery import current_app
from django.core.management import call_command

from workshop.errors import WorkshopError

from .workers import PATIENCE


def slow_storage(seconds: float) -> AbstractContextManager[None]:
    """Run `manage.py storage slow SECONDS` before the `with` block, and `manage.py storage ok` after it."""
    return _storage("slow", str(seconds))


def storage_down() -> AbstractContextManager[None]:
    """Run `manage.py storage down` before the `with` block, and `manage.py storage ok` after it."""
    return _storage("down")


@contextlib.contextmanager
def _storage(*mode: str) -> Iterator[None]:
    call_command("storage", *mode, stdout=io.StringIO())
    try:
        yield
    finally:
        call_command("storage", "ok", stdout=io.StringIO())


@contextlib.contextmanager
def without_consumers(queue: str) -> Iterator[list[str]]:
    """Make all workers stop consuming from `queue` for the duration of the `with` block.

    Sends `cancel_consumer` before the block and `add_consumer` after it. The workers keep messages that they
    have already received.

    Yields:
        The names of the workers that consumed from the queue.

    Raises:
        WorkshopError: No worker consumes from the queue.
    """
    queues_of_workers = current_app.control.inspect(timeout=PATIENCE).active_queues() or {}
    names = [
        name
        for name, queues in queues_of_workers.items()
        if queue in [consumed["name"] for consumed in queues]
    ]
    if not names:
        raise WorkshopError(
            f"No worker consumes from the queue {queue}. Start a worker in a terminal: ./workshop up"
        )
    control = current_app.control
    options = {"destination": names, "reply": True, "timeout": PATIENCE, "limit": len(names)}
    try:
        control.cancel_consumer(queue, **options)
        yield names
    finally:
        control.add_consumer(queue, **options)
