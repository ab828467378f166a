"""What a notebook switches for the length of a `with`, and switches back whatever happens in it."""

import contextlib
import io
from collections.abc import Iterator

from celery import current_app
from django.core.management import call_command

from workshop.errors import WorkshopError

PATIENCE = 1.0
"""Seconds to wait for the answers of workers."""


@contextlib.contextmanager
def slow_storage(seconds: float) -> Iterator[None]:
    """`manage.py storage slow SECONDS`, and `manage.py storage ok` at the end."""
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
    """The workers stop taking from `queue`, by cancel_consumer, and begin again, by add_consumer.

    Yields their names. What they have taken already they keep. Raises WorkshopError when no worker takes
    from it.
    """
    queues = current_app.control.inspect(timeout=PATIENCE).active_queues() or {}
    names = [name for name, taken in queues.items() if queue in [each["name"] for each in taken]]
    if not names:
        raise WorkshopError(f"No worker takes from the queue {queue}. Start it in a terminal: ./workshop up")
    control = current_app.control
    options = {"destination": names, "reply": True, "timeout": PATIENCE, "limit": len(names)}
    try:
        control.cancel_consumer(queue, **options)
        yield names
    finally:
        control.add_consumer(queue, **options)
