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
"""How one connection takes the write lock, and another one does not wait for it."""


def wait(messages):
    """Seconds from now until the message may run."""
    eta = messages[0].headers["eta"]
    return (datetime.fromisoformat(eta) - datetime.now(UTC)).total_seconds() if eta else 0


def behind(error):
    """The exception that led to a retry, of the one that left the task; None if none left it."""
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


@pytest.mark.parametrize("kind", [ConnectionError, TimeoutError, ConnectionRefusedError])
def test_retried(attempt, photo, monkeypatch, kind):
    """If the storage does not answer, the task is retried later, whatever transient error it raises."""
    kept = photo(SMALL)

    def fail(*args, **kwargs):
        raise kind("The photo storage does not answer.")

    monkeypatch.setattr(type(storages["resized"]), "_save", fail)
    error, messages = attempt(kept)
    why = "Add ConnectionError and TimeoutError to TRANSIENT, and pass TRANSIENT, a tuple, as autoretry_for."
    if not error:
        why = (
            "ConnectionError is an OSError, so an except for OSError around the storage catches it. "
            "Celery retries a task only if the exception leaves it."
        )
    expect(
        len(messages) == 1,
        "the storage did not answer, but the task was not retried.",
        why,
        storage_raised=kind.__name__,
        left_the_task=named(error),
        found=f"{len(messages)} messages" if messages else "no message",
        file=FILE,
    )


def test_storage_error_leaves_the_task(attempt, photo, monkeypatch):
    """If the storage of the uploads does not answer, the picture is not damaged: the error leaves the task."""
    kept = photo(SMALL)

    def fail(*args, **kwargs):
        raise ConnectionError("The storage of the uploads does not answer.")

    monkeypatch.setattr(type(storages["default"]), "_open", fail)
    error, messages = attempt(kept)
    kept.refresh_from_db()
    expect(
        error or messages,
        "the storage of the uploads did not answer, but the task ended as if it had done its work.",
        "ConnectionError is an OSError, so an except for OSError around the storage catches it. "
        "Catch only UnreadablePicture.",
        left_the_task=named(error),
        reason=kept.failure_reason or "none",
        file=FILE,
    )


def test_waits_longer_each_time(attempt, photo, storage):
    """Each retry waits longer than the last one, and not all tasks wait for the same time."""
    storage("down")
    kept = photo(SMALL)
    first = [wait(attempt(kept)[1]) for _ in range(8)]
    expect(
        max(first) < 60,
        f"the first retry comes after {max(first):.0f} seconds.",
        "Without retry_backoff, Celery waits for default_retry_delay, which is three minutes. Set retry_backoff=1.",
        file=FILE,
    )
    third = []
    for _ in range(60):  # the waits are random, so a few may be short
        messages = attempt(kept, retries=2)[1]
        if not messages:
            complain(
                "the task is retried fewer than three times.",
                "A storage that restarts is down for longer than two short waits. Set max_retries.",
                expected="max_retries=5",
                file=FILE,
            )
        third.append(wait(messages))
        if len(third) >= 8 and max(third) > max(first) + 1 and max(third) - min(third) > 0.5:
            break
    expect(
        max(third) > max(first) + 1,
        "the third retry does not wait longer than the first.",
        "An overloaded storage does not recover if all tasks retry every second. With retry_backoff, the longest wait "
        "doubles each time.",
        first_retry=f"after up to {max(first):.1f} s",
        third_retry=f"after up to {max(third):.1f} s",
        file=FILE,
    )
    expect(
        max(third) - min(third) > 0.5,
        "eight tasks that failed at the same time are retried at the same time.",
        "They would overload the storage again. retry_jitter spreads them over time.",
        found=", ".join(f"{wait:.1f} s" for wait in third[:8]),
        file=FILE,
    )


def test_gives_up(attempt, photo, storage):
    """After some retries, the task fails for good."""
    storage("down")
    _, messages = attempt(photo(SMALL), retries=10)
    expect(
        not messages,
        "after ten retries, the task is retried once more.",
        "A task that never fails for good occupies the worker forever. Set max_retries.",
        expected="max_retries=5",
        file=FILE,
    )


@pytest.mark.parametrize("content", [photos.cut_short, photos.garbage])
def test_damaged_is_not_retried(attempt, photo, content):
    """A damaged file is not retried, because it stays damaged."""
    error, messages = attempt(photo(content()))
    if messages:
        raised = behind(error)
        complain(
            "the task of a damaged file was retried.",
            "resize() raises UnreadablePicture for it. Retry ConnectionError and TimeoutError only.",
            raised=named(raised),
            which_is_one_of=", ".join(kind.__name__ for kind in type(raised).__mro__[:-2]) or "?",
            file=FILE,
        )


def test_gone_is_not_retried(attempt, photo):
    """A photo whose file is missing is not retried, because the file does not come back."""
    kept = photo(SMALL)
    kept.image.storage.delete(kept.image.name)
    error, messages = attempt(kept)
    if messages:
        raised = behind(error)
        complain(
            "the task of a photo whose file is missing was retried.",
            "The exception for a missing file is an OSError, as ConnectionError and TimeoutError are. List only the two in "
            "TRANSIENT, and nothing wider.",
            raised=named(raised),
            which_is_one_of=", ".join(kind.__name__ for kind in type(raised).__mro__[:-2]) or "?",
            file=FILE,
        )


def test_deleted_is_not_retried(attempt, photo):
    """A photo that was deleted before the task started is not retried."""
    kept = photo(SMALL)
    type(kept).objects.filter(pk=kept.pk).delete()
    error, messages = attempt(kept)
    expect(
        not messages,
        "the task of a photo that was deleted was retried.",
        "Its row does not come back. Retry only the errors in TRANSIENT.",
        raised=named(behind(error)),
        file=FILE,
    )


@pytest.fixture
def locked_database():
    """Another connection has the write lock, and ours does not wait for it."""
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
        "A lock goes away on its own, and so does a restart of the database. Django's errors for both were in "
        "TRANSIENT already. Add the storage's two errors to them, and pass TRANSIENT as autoretry_for.",
        raised=named(error),
        found=f"{len(messages)} messages" if messages else "no message",
        file=FILE,
    )


def test_recovers(task, worker, photo, storage, ended, settled):
    """When the storage answers again, the photo is resized without a click."""
    for _ in range(3):  # the waits are random, so all of them may be short
        storage("down")
        kept = photo(SMALL)
        sent = task.delay(kept.pk)
        until(lambda: f"{sent.id}] retry" in worker.log or ended(sent.id))  # noqa: B023
        retried = f"{sent.id}] retry" in worker.log
        if not retried and until(lambda: worker.log.count(f"[{sent.id}] received") > 1, 2):  # noqa: B023
            complain(
                "the task sent a retry, but the worker does not know it.",
                "self.retry() sends the message and raises Retry. The task caught this exception, so for the worker "
                "the task has ended. Let Retry leave the task.",
                worker_says=ended(sent.id) or "nothing",
                file=FILE,
            )
        expect(
            retried,
            "the storage did not answer, but the worker did not retry the task."
            if ended(sent.id)
            else "the storage did not answer, and the worker neither retried the task nor finished it in time.",
            "Does the exception leave the task, and does autoretry_for list it?"
            if ended(sent.id)
            else "If your machine is very busy, run the check again.",
            worker_says=ended(sent.id) or "nothing",
            file=FILE,
        )
        storage("ok")
        if not ended(sent.id):
            break
    settled(kept, sent.id, seconds=70)
    expect(
        kept.is_processed,
        "the storage answers again, but the photo is not resized.",
        ""
        if ended(sent.id)
        else "The task has not ended yet. If your machine is very busy, run the check again.",
        worker_says=ended(sent.id) or "nothing",
        reason=kept.failure_reason or "none",
        file=FILE,
    )
