from contextlib import closing
from datetime import UTC, datetime

import pytest

from workshop.checkkit import complain, expect, photos, until

pytestmark = pytest.mark.step("3.3")

FILE = "images/tasks.py, resize_image_task()"
SMALL = photos.jpeg(80, 60)
LOCK = {
    "sqlite": ("BEGIN IMMEDIATE", "PRAGMA busy_timeout = 0"),
    "postgresql": ("BEGIN; LOCK TABLE images_uploadedimage IN EXCLUSIVE MODE", "SET lock_timeout = 1"),
}
"""How one connection takes the write lock, and another one does not wait for it."""


def wait(messages):
    """Seconds from now until the message may run."""
    eta = messages[0].headers["eta"]
    return (datetime.fromisoformat(eta) - datetime.now(UTC)).total_seconds() if eta else 0


def named(error):
    return f"{type(error).__name__}: {error}" if error else "nothing: the task caught it, and came to its end"


def test_retried(attempt, photo, storage):
    """When the storage does not answer, the task is sent once more, to run later."""
    storage("down")
    error, messages = attempt(photo(SMALL))
    why = "ConnectionError and TimeoutError pass by themselves: autoretry_for takes a tuple of exceptions."
    if not error:
        why = (
            "ConnectionError is an OSError, so an except for OSError around the storage catches it. "
            "Celery tries again only what leaves the task."
        )
    expect(
        len(messages) == 1,
        "the storage did not answer, and the task was not sent again.",
        why,
        raised=named(error),
        found=f"{len(messages)} messages" if messages else "no message",
        file=FILE,
    )


def test_waits_longer_each_time(attempt, photo, storage):
    """Each retry waits longer than the one before, and not all wait for the same time."""
    storage("down")
    kept = photo(SMALL)
    first = [wait(attempt(kept)[1]) for _ in range(8)]
    expect(
        max(first) < 60,
        f"the first retry comes after {max(first):.0f} seconds.",
        "Without retry_backoff it is Celery's default_retry_delay, three minutes. Most disturbances last seconds.",
        file=FILE,
    )
    third = []
    for _ in range(60):  # the waits are drawn at random: a few may be short
        messages = attempt(kept, retries=2)[1]
        if not messages:
            complain(
                "the task is tried again fewer than three times.",
                "A storage that is started anew is away for longer than two short waits.",
                expected="max_retries=5",
                file=FILE,
            )
        third.append(wait(messages))
        if len(third) >= 8 and max(third) > max(first) + 1 and max(third) - min(third) > 0.5:
            break
    expect(
        max(third) > max(first) + 1,
        "the third retry does not wait longer than the first.",
        "A storage that is overloaded does not recover while everybody asks again every second. retry_backoff "
        "doubles the wait each time.",
        first_retry=f"after up to {max(first):.1f} s",
        third_retry=f"after up to {max(third):.1f} s",
        file=FILE,
    )
    expect(
        max(third) - min(third) > 0.5,
        "eight tasks that failed together are tried again together.",
        "They would all knock at the same moment, again and again. retry_jitter scatters them.",
        found=", ".join(f"{wait:.1f} s" for wait in third[:8]),
        file=FILE,
    )


def test_gives_up(attempt, photo, storage):
    """After a handful of retries the task fails for good."""
    storage("down")
    _, messages = attempt(photo(SMALL), retries=10)
    expect(
        not messages,
        "after ten retries the task is tried once more.",
        "A task that is never given up stays on the queue for ever, and so do the thousand behind it.",
        expected="max_retries=5",
        file=FILE,
    )


@pytest.mark.parametrize("content", [photos.cut_short, photos.garbage])
def test_damaged_is_not_retried(attempt, photo, content):
    """A damaged file is not tried again: it stays damaged."""
    error, messages = attempt(photo(content()))
    if messages:
        raised = getattr(error, "exc", None) or error.__cause__ or error.__context__ or error
        complain(
            "a damaged file was sent to be tried again.",
            "resize() raises UnreadablePicture for it. Retry ConnectionError and TimeoutError only.",
            raised=named(raised),
            which_is_one_of=", ".join(kind.__name__ for kind in type(raised).__mro__[:-2]),
            file=FILE,
        )


def test_gone_is_not_retried(attempt, photo):
    """A photo whose file is gone is not tried again: the file does not come back."""
    kept = photo(SMALL)
    kept.image.storage.delete(kept.image.name)
    error, messages = attempt(kept)
    if messages:
        raised = getattr(error, "exc", None) or error.__cause__ or error.__context__ or error
        complain(
            "a photo whose file is gone was sent to be tried again.",
            "What is raised for it is an OSError, as ConnectionError and TimeoutError are. Name the two; a "
            "wider net catches the wrong fish.",
            raised=named(raised),
            which_is_one_of=", ".join(kind.__name__ for kind in type(raised).__mro__[:-2]),
            file=FILE,
        )


@pytest.fixture
def locked_database():
    """Another connection holds the write lock, and ours does not wait for it."""
    from django.db import connection

    with closing(connection.copy()) as other:
        for each, statement in zip((other, connection), LOCK[connection.vendor], strict=True):
            with each.cursor() as cursor:
                cursor.execute(statement)
        yield
    connection.close()


def test_database_is_retried(attempt, photo, request):
    """When the database is locked for too long, the task is sent once more, to run later."""
    kept = photo(SMALL)
    request.getfixturevalue("locked_database")
    error, messages = attempt(kept)
    expect(
        len(messages) == 1,
        "the database was locked, and the task was not sent again.",
        "A lock goes away on its own, and so does a restart of the database. Django's errors for both are in "
        "TRANSIENT already: add the storage's two to them, and give TRANSIENT to autoretry_for.",
        raised=named(error),
        found=f"{len(messages)} messages" if messages else "no message",
        file=FILE,
    )


def test_recovers(task, worker, photo, storage, ended, settled):
    """When the storage answers again, the photo is resized, and nobody had to do anything."""
    for _ in range(3):  # the waits are drawn at random: all of them may be short
        storage("down")
        kept = photo(SMALL)
        sent = task.delay(kept.pk)
        until(lambda: f"{sent.id}] retry" in worker.log or ended(sent.id))  # noqa: B023
        expect(
            f"{sent.id}] retry" in worker.log,
            "the storage did not answer, and the worker did not put the task off.",
            worker_says=ended(sent.id) or "nothing",
            file=FILE,
        )
        storage("ok")
        if not ended(sent.id):
            break
    settled(kept, sent.id, seconds=70)
    expect(
        kept.is_processed,
        "the storage answers again, and the photo is not resized.",
        worker_says=ended(sent.id) or "nothing",
        reason=kept.failure_reason or "none",
        file=FILE,
    )
