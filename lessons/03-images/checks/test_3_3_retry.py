from contextlib import closing
from datetime import UTC, datetime

import pytest
from django.core.files.storage import storages

from workshop.checkkit import complain, expect, photos, until

pytestmark = pytest.mark.step("3.3")

FILE = "images/tasks.py, resize_image_task()"
SMALL = photos.jpeg(80, 60)
LOCK = {
    "sqlite": ("BEGIN IMMEDIATE", "PRAGMA busy_timeout = 0"),
    "postgresql": ("BEGIN; LOCK TABLE images_uploadedimage IN EXCLUSIVE MODE", "SET lock_timeout = 1"),
}
"""The SQL that takes the write lock in each database, and the SQL that turns off waiting for the lock."""


def wait(messages):
    """Return how many seconds remain until the first task in `messages` may start."""
    eta = messages[0].headers["eta"]
    return (datetime.fromisoformat(eta) - datetime.now(UTC)).total_seconds() if eta else 0


def behind(error):
    """Return the original cause of an exception, or the exception if it has no cause."""
    return (
        getattr(error, "exc", None)
        or getattr(error, "__cause__", None)
        or getattr(error, "__context__", None)
        or error
    )


def named(error):
    return (
        f"{type(error).__name__}: {error}"
        if error
        else "nothing: the task caught the exception and succeeded"
    )


def why_not_caught(task):
    """Explain which of the errors to retry on is not an exception class. Returns "" if all of them are."""
    from images import tasks

    for item in (*getattr(task, "autoretry_for", ()), *getattr(tasks, "TRANSIENT", ())):
        if item == getattr(tasks, "TRANSIENT", None):
            return "TRANSIENT is a tuple itself, so (TRANSIENT,) is a tuple in a tuple. Set autoretry_for=TRANSIENT."
        if item == tasks.DATABASE_ERRORS:
            return (
                "DATABASE_ERRORS is a tuple itself, so your tuple contains a tuple. Write *DATABASE_ERRORS, with an "
                "asterisk, which unpacks the tuple."
            )
        if not (isinstance(item, type) and issubclass(item, BaseException)):
            return f"One of the errors to retry on, {item!r}, is not an exception class."
    return ""


@pytest.mark.parametrize("kind", [ConnectionError, TimeoutError, ConnectionRefusedError])
def test_retried(task, attempt, photo, monkeypatch, kind):
    """If the storage doesn't respond, the task is retried later, whichever transient error the storage raises."""
    kept = photo(SMALL)

    def fail(*args, **kwargs):
        raise kind("The photo storage doesn't respond.")

    monkeypatch.setattr(type(storages["resized"]), "_save", fail)
    error, messages = attempt(kept)
    why = "Add ConnectionError and TimeoutError to the tuple TRANSIENT, and set autoretry_for=TRANSIENT."
    if not error:
        why = (
            "ConnectionError is an OSError, so an except OSError around the storage call catches it too. "
            "Celery retries a task only if the exception propagates out of the task."
        )
    elif isinstance(error, TypeError):
        why = why_not_caught(task) or why
    expect(
        len(messages) == 1,
        "the storage did not respond, but the task was not retried.",
        why,
        storage_raised=kind.__name__,
        left_the_task=named(error),
        found=f"{len(messages)} messages" if messages else "no message",
        file=FILE,
    )


def test_storage_error_leaves_the_task(attempt, photo, monkeypatch):
    """If the storage for uploads doesn't respond, the picture is not damaged, so the error propagates."""
    kept = photo(SMALL)

    def fail(*args, **kwargs):
        raise ConnectionError("The storage for uploads does not respond.")

    monkeypatch.setattr(type(storages["default"]), "_open", fail)
    error, messages = attempt(kept)
    kept.refresh_from_db()
    expect(
        error or messages,
        "the storage for uploads did not respond, but the task ended as if it had succeeded.",
        "ConnectionError is an OSError, so an except OSError around the storage call catches it too. "
        "Catch only UnreadablePicture.",
        left_the_task=named(error),
        reason=kept.failure_reason or "none",
        file=FILE,
    )


def test_waits_longer_each_time(attempt, photo, storage):
    """Waits get longer with each retry and differ between tasks."""
    storage("down")
    kept = photo(SMALL)
    first = [wait(attempt(kept)[1]) for _ in range(8)]
    expect(
        max(first) < 60,
        f"the first retry starts only after {max(first):.0f} seconds.",
        "Without retry_backoff, Celery waits for default_retry_delay, which is three minutes by default. Set retry_backoff=1.",
        file=FILE,
    )
    third = []
    for _ in range(60):  # the waits are random, so a few may be short
        messages = attempt(kept, retries=2)[1]
        if not messages:
            complain(
                "the task is retried fewer than three times.",
                "When a storage server restarts, it is down for longer than two short waits. Set max_retries.",
                expected="max_retries=5",
                file=FILE,
            )
        third.append(wait(messages))
        if len(third) >= 8 and max(third) > max(first) + 1 and max(third) - min(third) > 0.5:
            break
    expect(
        max(third) > max(first) + 1,
        "the third retry does not wait longer than the first.",
        "Overloaded storage can't recover if all tasks are retried every second. With retry_backoff, the longest possible "
        "wait doubles with each retry.",
        first_retry=f"after up to {max(first):.1f} s",
        third_retry=f"after up to {max(third):.1f} s",
        file=FILE,
    )
    expect(
        max(third) - min(third) > 0.5,
        "eight tasks that failed at the same time are all retried at the same time.",
        "These retries would overload the storage again. retry_jitter spreads them over time.",
        found=", ".join(f"{wait:.1f} s" for wait in third[:8]),
        file=FILE,
    )


def test_gives_up(attempt, photo, storage):
    """After a limited number of retries, the task fails for good."""
    storage("down")
    _, messages = attempt(photo(SMALL), retries=10)
    expect(
        not messages,
        "the task is retried even after ten retries.",
        "A task that never fails for good keeps the worker busy forever. Set max_retries.",
        expected="max_retries=5",
        file=FILE,
    )


@pytest.mark.parametrize("content", [photos.cut_short, photos.garbage])
def test_damaged_is_not_retried(attempt, photo, content):
    """The task for a damaged file is not retried, because the file stays damaged."""
    error, messages = attempt(photo(content()))
    if messages:
        raised = behind(error)
        complain(
            "the task for a damaged file was retried.",
            "For a damaged file, resize() raises UnreadablePicture. Retry only on ConnectionError and TimeoutError.",
            raised=named(raised),
            which_is_one_of=", ".join(kind.__name__ for kind in type(raised).__mro__[:-2]) or "?",
            file=FILE,
        )


def test_gone_is_not_retried(attempt, photo):
    """If a photo's file is missing, its task is not retried, because the file won't come back."""
    kept = photo(SMALL)
    kept.image.storage.delete(kept.image.name)
    error, messages = attempt(kept)
    if messages:
        raised = behind(error)
        complain(
            "the task for a photo whose file is missing was retried.",
            "The exception for a missing file is an OSError too. Add only ConnectionError and TimeoutError to TRANSIENT, "
            "not a wider class.",
            raised=named(raised),
            which_is_one_of=", ".join(kind.__name__ for kind in type(raised).__mro__[:-2]) or "?",
            file=FILE,
        )


def test_deleted_is_not_retried(attempt, photo):
    """If a photo was deleted before its task started, the task is not retried."""
    kept = photo(SMALL)
    type(kept).objects.filter(pk=kept.pk).delete()
    error, messages = attempt(kept)
    expect(
        not messages,
        "the task for a deleted photo was retried.",
        "The deleted row won't come back. Retry only on the errors in TRANSIENT.",
        raised=named(behind(error)),
        file=FILE,
    )


@pytest.fixture
def locked_database():
    """Another connection holds the write lock, and this process's connection doesn't wait for it."""
    from django.db import connection

    with closing(connection.copy()) as other:
        for each, statement in zip((other, connection), LOCK[connection.vendor], strict=True):
            with each.cursor() as cursor:
                cursor.execute(statement)
        yield
    connection.close()


def test_database_is_retried(attempt, photo, request):
    """If the database is locked for too long, the task is retried later."""
    kept = photo(SMALL)
    request.getfixturevalue("locked_database")
    error, messages = attempt(kept)
    expect(
        len(messages) == 1,
        "the database was locked, but the task was not retried.",
        "Database locks and restarts are temporary, so Django's errors for them were already in TRANSIENT. Add the two "
        "storage errors, and set autoretry_for=TRANSIENT.",
        raised=named(error),
        found=f"{len(messages)} messages" if messages else "no message",
        file=FILE,
    )


def test_recovers(task, worker, photo, storage, settled):
    """When the storage works again, the photo is resized automatically."""
    for _ in range(3):  # the waits are random, so all of them may be short
        storage("down")
        kept = photo(SMALL)
        sent = task.delay(kept.pk)
        until(lambda: f"{sent.id}] retry" in worker.log or worker.outcome(sent.id))  # noqa: B023
        retried = f"{sent.id}] retry" in worker.log
        if not retried and until(lambda: worker.log.count(f"[{sent.id}] received") > 1, 2):  # noqa: B023
            complain(
                "the task sent a retry, but the worker did not recognize it as a retry.",
                "self.retry() sends the message and raises Retry. Your task catches this exception, so the worker "
                "considers the task finished. Let Retry propagate out of the task.",
                worker_says=worker.outcome(sent.id) or "nothing",
                file=FILE,
            )
        expect(
            retried,
            "the storage did not respond, but the worker did not retry the task."
            if worker.outcome(sent.id)
            else "the storage did not respond, and the worker neither retried the task nor finished it in time.",
            "Does the exception propagate out of the task, and is it listed in autoretry_for?"
            if worker.outcome(sent.id)
            else "If your machine is very busy, run the check again.",
            worker_says=worker.outcome(sent.id) or "nothing",
            file=FILE,
        )
        storage("ok")
        if not worker.outcome(sent.id):
            break
    settled(kept, sent.id, seconds=70)
    expect(
        kept.is_processed,
        "the storage works again, but the photo was not resized.",
        ""
        if worker.outcome(sent.id)
        else "The task has not finished yet. If your machine is very busy, run the check again.",
        worker_says=worker.outcome(sent.id) or "nothing",
        reason=kept.failure_reason or "none",
        file=FILE,
    )
