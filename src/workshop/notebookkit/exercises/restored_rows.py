"""Restore the database rows that the check of an exercise changes."""

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def rolled_back() -> Iterator[None]:
    """Run the `with` block in a transaction, and roll the transaction back at the end."""
    from django.db import transaction

    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@contextlib.contextmanager
def kept_row(photo) -> Iterator[None]:
    """After the `with` block, restore the columns of the photo's row that `reset_for_retry()` changes."""
    photo.refresh_from_db()
    kept = {"failure_reason": photo.failure_reason, "queued_at": photo.queued_at}
    try:
        yield
    finally:
        type(photo).objects.filter(pk=photo.pk).update(**kept)
        photo.refresh_from_db()
