import re

import pytest
from django.urls import reverse

from workshop.checkkit import expect, photos, until

pytestmark = pytest.mark.step("3.4")

FILE = "images/tasks.py, ResizeTask.on_failure()"
TECHNICAL = re.compile(r"Error|Exception|Traceback|Errno|\bNone\b|0x")
SMALL = photos.jpeg(80, 60)


def expect_words(reason, ended):
    """The reason is in words for a visitor, not in Pillow's. ended: the worker's line about the end."""
    raised = re.search(r"raised unexpected: \w+\((['\"])(.{1,20})", ended)
    expect(
        not TECHNICAL.search(reason) and not (raised and raised[2] in reason),
        "the reason is written for you, not for a visitor.",
        "What an exception says is meant for who wrote the code: it may name files, hosts and libraries. "
        "reason_for(exc) has words for it.",
        found=reason,
        file=FILE,
    )


def test_given_up(task, photo, storage, ended, settled):
    """When the last retry has failed, the visitor reads that, too."""
    storage("down")
    kept = photo(SMALL)
    sent = task.apply_async((kept.pk,), retries=50)
    settled(kept, sent.id)
    expect(
        kept.failure_reason,
        "the last retry failed, and the photo's page says Waiting for ever.",
        "The worker's log knows; the visitor does not. on_failure() of the task's base is called when a task has "
        "failed for good, with five arguments: exc, task_id, args, kwargs, einfo.",
        worker_says=ended(sent.id) or "nothing",
        file=FILE,
    )
    expect(
        "storage" in kept.failure_reason and not TECHNICAL.search(kept.failure_reason),
        "the storage did not answer, and the reason says something else.",
        found=kept.failure_reason,
        file=FILE,
    )


def test_damaged_file(task, worker, photo, ended, settled):
    """A damaged file fails once, the visitor reads why, and no traceback is in the worker's log."""
    kept = photo(photos.cut_short(), "cut.jpg")
    sent = task.delay(kept.pk)
    settled(kept, sent.id)
    swallowed = ended(sent.id).startswith("succeeded")
    expect(
        kept.failure_reason,
        "a damaged photo failed in the worker, and its page says Waiting for ever.",
        "For Celery the task was a success: the exception was caught, and the row does not say why. "
        "photo.fail() writes the reason."
        if swallowed
        else "The worker's log knows; the visitor does not. Catch UnreadablePicture in the task, as "
        "resize_photo() did in lesson 01.",
        worker_says=ended(sent.id) or "nothing",
        file="images/tasks.py, resize_image_task()",
    )
    expect_words(kept.failure_reason, ended(sent.id))
    until(lambda: ended(sent.id))
    expect(f"{sent.id}] retry" not in worker.log, "a damaged file was tried more than once.", file=FILE)
    expect(
        ended(sent.id).startswith("succeeded"),
        "the traceback of a damaged photo is in the worker's log.",
        "An unreadable picture is expected, and the task knows what to do: catch UnreadablePicture, "
        "call photo.fail(reason), and return. The traceback would also keep the decoded pixels in memory.",
        worker_says=ended(sent.id),
        file="images/tasks.py, resize_image_task()",
    )


def test_by_keyword(task, photo, ended, settled):
    """It does not matter whether the id was sent by position or by name."""
    kept = photo(SMALL, "lost.jpg")
    kept.image.storage.delete(kept.image.name)
    sent = task.apply_async(kwargs={"image_id": kept.pk})
    settled(kept, sent.id)
    expect(
        kept.failure_reason,
        "the task was sent with image_id=…, it failed, and the reason is not kept.",
        "on_failure gets args and kwargs as they were sent.",
        worker_says=ended(sent.id) or "nothing",
        file=FILE,
    )
    expect_words(kept.failure_reason, ended(sent.id))


def test_not_yet(attempt, photo, storage):
    """While the task will be tried again, the photo has not failed."""
    storage("down")
    kept = photo(SMALL)
    attempt(kept)
    kept.refresh_from_db()
    expect(
        not kept.failure_reason,
        "the task will be tried again, and the photo's page says already that it failed.",
        "on_failure() is called after the last retry, on_retry() before each. What is written in the task itself "
        "is written every time.",
        found=kept.failure_reason,
        file=FILE,
    )


def test_page_says_why(client, task, photo, settled):
    """The page that follows the photo gets the state and the reason."""
    kept = photo(photos.cut_short(), "cut.jpg")
    settled(kept, task.delay(kept.pk).id)
    answer = client.get(reverse("images:states"), {"ids": str(kept.pk)}).json()["photos"][0]
    expect(
        answer["state"] == "failed" and answer["reason"] == kept.failure_reason,
        "the page does not learn that the photo failed, and why.",
        found=str(answer),
        file=FILE,
    )
