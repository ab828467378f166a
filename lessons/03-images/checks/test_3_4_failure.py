import re

import pytest
from django.urls import reverse

from workshop.checkkit import complain, expect, photos, until
from workshop.checkkit.code_locations import raised_at
from workshop.checkkit.worker import run_task_here

pytestmark = pytest.mark.step("3.4")

FILE = "images/tasks.py, ResizeTask.on_failure()"
TECHNICAL = re.compile(r"Error|Exception|Traceback|Errno|\bNone\b|0x")
SMALL = photos.jpeg(80, 60)


def expect_words(reason, ended):
    """Complain if visitors can't understand the reason. `ended` is the log line that says how the task ended."""
    raised = re.search(r"raised unexpected: \w+\((['\"])(.{1,20})", ended)
    expect(
        not TECHNICAL.search(reason) and not (raised and raised[2] in reason),
        "the reason is written for developers, not for visitors.",
        "An exception's message may contain file names and host names. Store reason_for(exc), or "
        "a sentence that visitors can understand.",
        found=reason,
        file=FILE,
    )


def why_not_stored(ended, otherwise):
    """Explain why there is no reason in the row. `ended` is the log line that says how the task ended."""
    if ended.startswith("Task handler raised error") and "positional argument" not in ended:
        return "on_failure() was called, but it raised an exception itself, so the reason was not stored. Fix that exception."
    return otherwise


def expect_still_waiting(other, file):
    """Complain if `other`, a photo whose task was not sent, has been marked as failed."""
    other.refresh_from_db()
    expect(
        not other.failure_reason,
        "one photo's task failed, but another photo, which is still waiting, was marked as failed too.",
        "Change only the row of the task's own photo: add pk=image_id to the filter.",
        found=other.failure_reason,
        file=file,
    )


def test_given_up(task, photo, storage, worker, settled):
    """When the last retry has failed, the page shows the reason. Other photos are not changed."""
    storage("down")
    kept, other = photo(SMALL), photo(SMALL)
    sent = task.apply_async((kept.pk,), retries=50)
    settled(kept, sent.id)
    expect(
        kept.failure_reason,
        "the last retry failed, but the photo's page keeps saying Waiting.",
        why_not_stored(
            worker.outcome(sent.id),
            "The failure shows up only in the worker's log. Store the reason in on_failure() of the task's base class. When "
            "the task has failed for good, Celery calls on_failure() with five arguments: exc, task_id, args, kwargs and "
            "einfo.",
        ),
        worker_says=worker.outcome(sent.id) or "nothing",
        file=FILE,
    )
    expect(
        "storage" in kept.failure_reason and not TECHNICAL.search(kept.failure_reason),
        "the storage did not respond, but the stored reason says something else. Use reason_for(exc).",
        found=kept.failure_reason,
        file=FILE,
    )
    expect_still_waiting(other, FILE)


def test_damaged_file(task, worker, photo, settled):
    """A damaged file is not retried, the page shows the reason, and the worker's log contains no traceback."""
    kept, other = photo(photos.cut_short(), "cut.jpg"), photo(SMALL)
    sent = task.delay(kept.pk)
    settled(kept, sent.id)
    swallowed = worker.outcome(sent.id).startswith("succeeded")
    expect(
        kept.failure_reason,
        "a damaged photo could not be resized, but its page keeps saying Waiting.",
        "For Celery, the task has succeeded: the exception was caught, but no reason was stored in the row. "
        "Call photo.fail() with a reason."
        if swallowed
        else "The failure shows up only in the worker's log. Catch UnreadablePicture in the task, as resize_photo() did in "
        "lesson 01, and call photo.fail().",
        worker_says=worker.outcome(sent.id) or "nothing",
        file="images/tasks.py, resize_image_task()",
    )
    expect_words(kept.failure_reason, worker.outcome(sent.id))
    until(lambda: worker.outcome(sent.id))
    expect(
        f"{sent.id}] retry" not in worker.log,
        "the task for a damaged file was retried, although the file stays damaged.",
        file=FILE,
    )
    expect(
        worker.outcome(sent.id).startswith("succeeded"),
        "the worker's log contains a traceback for a damaged photo.",
        "An unreadable picture is an expected error: catch UnreadablePicture, call photo.fail(reason), and "
        "return. The traceback would also keep the decoded pixels in memory.",
        worker_says=worker.outcome(sent.id),
        file="images/tasks.py, resize_image_task()",
    )
    expect_still_waiting(other, "images/tasks.py, resize_image_task()")


def test_by_keyword(task, photo, worker, settled):
    """The photo's id can be a positional or a keyword argument."""
    kept = photo(SMALL, "lost.jpg")
    kept.image.storage.delete(kept.image.name)
    sent = task.apply_async(kwargs={"image_id": kept.pk})
    settled(kept, sent.id)
    expect(
        kept.failure_reason,
        "the task was sent with image_id=… and failed, but the reason was not stored.",
        "on_failure() gets args and kwargs as they were sent, so args is empty now. Look for image_id in kwargs first, and "
        "read args[0] only if it is not there.",
        worker_says=worker.outcome(sent.id) or "nothing",
        file=FILE,
    )
    expect_words(kept.failure_reason, worker.outcome(sent.id))


def test_resized_stays_resized(task, worker, photo, storage, settled):
    """If a second run fails, a photo that was already resized stays resized."""
    kept = photo(SMALL)
    first = task.delay(kept.pk)
    settled(kept, first.id)
    storage("down")
    second = task.apply_async((kept.pk,), retries=50)
    until(lambda: worker.outcome(second.id))
    until(lambda: "IntegrityError" in worker.log, 1)  # on_failure() runs after this line
    kept.refresh_from_db()
    refused = "IntegrityError" in worker.log
    expect(
        kept.is_processed and not kept.failure_reason and not refused,
        "a message was delivered twice and the second run failed, so on_failure() marked a resized photo as failed."
        if not refused
        else "a message was delivered twice and the second run failed. on_failure() attempted to mark a resized photo as "
        "failed, but the database rejected the update.",
        "Update the row only if is_processed is False.",
        found=f"is_processed={kept.is_processed}, failure_reason={kept.failure_reason!r}",
        raised="IntegrityError (the constraint processed_photo_is_complete)" if refused else "nothing",
        file=FILE,
    )


def test_keeps_what_others_write(expect_task_keeps_row, last_attempt, photo, storage):
    """If another process changes the photo's row while the reason is being stored, that change is kept."""
    storage("down")
    expect_task_keeps_row(photo(SMALL), last_attempt)


def test_deleted_photo(app, task, photo):
    """If the photo was deleted before its task failed, on_failure() does nothing and raises nothing."""
    kept = photo(SMALL)
    type(kept).objects.filter(pk=kept.pk).delete()
    try:
        run_task_here(app, task, "deleted-photo", kept.pk, retries=50)
    except Exception as error:
        complain(
            "the photo was deleted before its task failed, and then on_failure() raised an exception too.",
            "objects.get() raises DoesNotExist for a deleted photo, so the worker logs a second traceback. Use "
            "filter(pk=image_id, is_processed=False).update(…), which updates nothing if the row is gone.",
            raised=f"{type(error).__name__}: {error}",
            raised_at=raised_at(error),
            file=FILE,
        )


def test_not_yet(attempt, photo, storage):
    """While a task can still be retried, the photo is not marked as failed."""
    storage("down")
    kept = photo(SMALL)
    attempt(kept)
    kept.refresh_from_db()
    expect(
        not kept.failure_reason,
        "the task will be retried, but the page already says that the photo has failed.",
        "Store the reason in on_failure(), which Celery calls after the last retry. Celery calls on_retry() before each "
        "retry, and code in the task runs on every attempt.",
        found=kept.failure_reason,
        file=FILE,
    )


def test_page_says_why(client, task, photo, settled):
    """The page gets the state of a failed photo and the reason for the failure."""
    kept = photo(photos.cut_short(), "cut.jpg")
    settled(kept, task.delay(kept.pk).id)
    answer = client.get(reverse("images:states"), {"ids": str(kept.pk)}).json()["photos"][0]
    expect(
        answer["state"] == "failed" and answer["reason"] == kept.failure_reason,
        "the page does not get the failed photo's state and reason. Store the reason in failure_reason.",
        found=str(answer),
        file=FILE,
    )
