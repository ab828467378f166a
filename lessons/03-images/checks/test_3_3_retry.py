from datetime import UTC, datetime

import pytest

from workshop.checkkit import complain, expect, photos, until

pytestmark = pytest.mark.step("3.3")

FILE = "images/tasks.py, resize_image_task()"


def waits(messages):
    """Seconds from now until each message may run."""
    now = datetime.now(UTC)
    return [
        (datetime.fromisoformat(message.headers["eta"]) - now).total_seconds()
        if message.headers["eta"]
        else 0
        for message in messages
    ]


def test_retried(attempt, photo, storage):
    """When the storage does not answer, the task is sent once more, to run later."""
    storage("down")
    error, messages = attempt(photo(photos.jpeg()))
    expect(
        len(messages) == 1,
        "the storage did not answer, and the task was not sent again.",
        "ConnectionError and TimeoutError pass by themselves: autoretry_for takes a tuple of exceptions.",
        raised=f"{type(error).__name__}: {error}",
        found=f"{len(messages)} messages" if messages else "no message",
        file=FILE,
    )


def test_waits_longer_each_time(attempt, photo, storage):
    """Each retry waits longer than the one before, and not all wait for the same time."""
    storage("down")
    kept = photo(photos.jpeg())
    first, fourth = (
        [wait for _ in range(8) for wait in waits(attempt(kept, retries)[1])] for retries in (0, 3)
    )
    if not fourth:
        complain("the task is tried again fewer than four times.", expected="at most 5 retries", file=FILE)
    expect(
        max(first) < 60,
        f"the first retry comes after {max(first):.0f} seconds.",
        "Without retry_backoff it is Celery's default_retry_delay, three minutes. Most disturbances last seconds.",
        file=FILE,
    )
    expect(
        max(fourth) > max(first) + 1,
        "the fourth retry does not wait longer than the first.",
        "A storage that is overloaded does not recover while everybody asks again every second. retry_backoff "
        "doubles the wait each time.",
        first_retry=f"after up to {max(first):.1f} s",
        fourth_retry=f"after up to {max(fourth):.1f} s",
        file=FILE,
    )
    expect(
        max(fourth) - min(fourth) > 0.5,
        "eight tasks that failed together are tried again together.",
        "They would all knock at the same moment, again and again. retry_jitter scatters them.",
        found=", ".join(f"{wait:.1f} s" for wait in fourth),
        file=FILE,
    )


def test_gives_up(attempt, photo, storage):
    """After a handful of retries the task fails for good."""
    storage("down")
    _, messages = attempt(photo(photos.jpeg()), retries=10)
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
    expect(
        not messages,
        "a damaged file was sent to be tried again.",
        "What Pillow raises for it is an OSError, as ConnectionError and TimeoutError are. Name the two; a wider "
        "net catches the wrong fish.",
        exception=f"{type(error.__cause__ or error).__name__} is one of: "
        + ", ".join(kind.__name__ for kind in type(getattr(error, "exc", None) or error).__mro__[:-2]),
        file=FILE,
    )


def test_recovers(task, worker, photo, storage, settled):
    """When the storage answers again, the photo is resized, and nobody had to do anything."""
    storage("down")
    kept = photo(photos.jpeg())
    sent = task.delay(kept.pk)
    expect(
        until(lambda: f"{sent.id}] retry" in worker.log),
        "the storage did not answer, and the worker did not put the task off.",
        worker_says=next((line for line in reversed(worker.log.splitlines()) if sent.id in line), "nothing"),
        file=FILE,
    )
    storage("ok")
    expect(
        settled(kept).is_processed,
        "the storage answers again, and the photo is not resized.",
        reason=kept.failure_reason or "none",
        file=FILE,
    )
