"""Context managers that switch something for a block and always switch it back."""

import contextlib
import io
from collections.abc import Iterator

from celery import current_app
from django.core.management import call_command

from workshop.errors import WorkshopError

PATIENCE = 1.0
"""Seconds to wait for the workers' answers."""


@contextlib.contextmanager
def slow_storage(seconds: float) -> Iterator[None]:
    """Run `manage.py storage slow SECONDS` before the block, and `manage.py storage ok` after it."""
    quiet = io.StringIO()
    call_command("storage", "slow", str(seconds), stdout=quiet)
    try:
        yield
    finally:
        call_command("storage", "ok", stdout=quiet)


@contextlib.contextmanager
def storage_down() -> Iterator[None]:
    """`manage.py storage down`, and `manage.py storage ok` at the end of the block."""
    quiet = io.StringIO()
    call_command("storage", "down", stdout=quiet)
    try:
        yield
    finally:
        call_command("storage", "ok", stdout=quiet)


@contextlib.contextmanager
def nobody_takes_from(queue: str) -> Iterator[list[str]]:
    """Stop all workers from consuming `queue` during the block (cancel_consumer, add_consumer).

    Yields their names.

    The workers keep messages that they have already received. Raises WorkshopError if no worker consumes the
    queue.
    """
    queues = current_app.control.inspect(timeout=PATIENCE).active_queues() or {}
    names = [name for name, taken in queues.items() if queue in [each["name"] for each in taken]]
    if not names:
        raise WorkshopError(f"No worker consumes the queue {queue}. Start one in a terminal: ./workshop up")
    control = current_app.control
    options = {"destination": names, "reply": True, "timeout": PATIENCE, "limit": len(names)}
    try:
        control.cancel_consumer(queue, **options)
        yield names
    finally:
        control.add_consumer(queue, **options)
