import re

import pytest
from django.urls import reverse

from workshop.checkkit import expect, photos

pytestmark = pytest.mark.step("3.4")

FILE = "images/tasks.py, ResizeTask.on_failure()"
TECHNICAL = re.compile(r"Error|Exception|Traceback|Errno|\bNone\b|0x")


def test_damaged_file(task, worker, photo, settled):
    """A damaged file fails once, and the visitor reads why."""
    kept = photo(photos.cut_short(), "cut.jpg")
    sent = task.delay(kept.pk)
    settled(kept, 5)
    expect(
        kept.failure_reason,
        "a damaged photo failed in the worker, and its page says Waiting for ever.",
        "The worker's log knows; the visitor does not. on_failure() is called when a task has failed for good.",
        worker_says=next(
            (line for line in worker.log.splitlines() if f"{sent.id}] raised" in line), "nothing"
        ),
        file=FILE,
    )
    expect(
        not TECHNICAL.search(kept.failure_reason),
        "the reason is written for you, not for a visitor.",
        "reason_for(exc) has words for it.",
        found=kept.failure_reason,
        file=FILE,
    )
    expect(f"{sent.id}] retry" not in worker.log, "a damaged file was tried more than once.", file=FILE)


def test_by_keyword(task, worker, photo, settled):
    """It does not matter whether the id was sent by position or by name."""
    kept = photo(photos.garbage(), "notes.jpg")
    task.apply_async(kwargs={"image_id": kept.pk})
    expect(
        settled(kept, 5).failure_reason,
        "the task was sent with image_id=…, it failed, and the reason is not kept.",
        "on_failure gets args and kwargs as they were sent.",
        file=FILE,
    )


def test_given_up(task, worker, photo, storage, settled):
    """When the last retry has failed, the visitor reads that, too."""
    storage("down")
    kept = photo(photos.jpeg())
    task.apply_async((kept.pk,), retries=50)
    settled(kept, 5)
    expect(
        kept.failure_reason,
        "the last retry failed, and the photo's page says Waiting for ever.",
        file=FILE,
    )
    expect(
        "storage" in kept.failure_reason and not TECHNICAL.search(kept.failure_reason),
        "the storage did not answer, and the reason says something else.",
        found=kept.failure_reason,
        file=FILE,
    )


def test_page_says_why(client, task, worker, photo, settled):
    """The page that follows the photo gets the state and the reason."""
    kept = photo(photos.cut_short(), "cut.jpg")
    task.delay(kept.pk)
    settled(kept, 5)
    answer = client.get(reverse("images:states"), {"ids": str(kept.pk)}).json()["photos"][0]
    expect(
        answer["state"] == "failed" and answer["reason"] == kept.failure_reason,
        "the page does not learn that the photo failed, and why.",
        found=str(answer),
        file=FILE,
    )
