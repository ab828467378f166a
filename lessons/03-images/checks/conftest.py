"""Shared fixtures for this lesson's checks."""

import contextlib

import pytest
from celery import Task
from django.utils import timezone

from workshop.checkkit import Complaint, complain, expect, photos, until
from workshop.checkkit.concurrent_writer import writing_before_each_save
from workshop.checkkit.photo_rows import mark_resized
from workshop.checkkit.queues import photo_id
from workshop.checkkit.worker import run_task_here

RETRY_OPTIONS = {
    "autoretry_for",
    "dont_autoretry_for",
    "retry_kwargs",
    "retry_backoff",
    "retry_backoff_max",
    "retry_jitter",
}
"""Options that Celery reads only from the decorator: Celery's Task class has no attributes for them."""


def unknown_options(task):
    """Return the decorator options that Celery ignores. Works only for tasks that were created from functions."""
    made = task.__class__
    if "__wrapped__" not in vars(made):
        return []
    from_settings = {name for name, _ in Task.from_config}
    of_bases = {name for base in made.__mro__[1:] for name in vars(base)}
    known = RETRY_OPTIONS | from_settings | of_bases
    return [
        name
        for name, value in vars(made).items()
        if not name.startswith("_") and name not in known and not callable(value)
    ]


@pytest.fixture
def task(app):
    """resize_image_task."""
    from images.tasks import resize_image_task

    try:
        assert resize_image_task.name  # Celery makes the task only now, at its first use
    except TypeError as error:
        complain(
            "Celery could not create the task resize_image_task.",
            "One of the decorator's options is wrong. For example, autoretry_for takes a tuple, and a tuple with one item "
            "needs a comma: (ConnectionError,).",
            says=f"TypeError: {error}",
            file="images/tasks.py, @shared_task above resize_image_task()",
        )
    unknown = unknown_options(resize_image_task)
    expect(
        not unknown,
        "resize_image_task has an option that Celery does not recognize and therefore ignores.",
        "Check the spelling. For example, write max_retries instead of retries.",
        option=", ".join(unknown),
        file="images/tasks.py, @shared_task above resize_image_task()",
    )
    return resize_image_task


@pytest.fixture
def storage():
    """Set how the storage for resized photos behaves: storage("down"), storage("slow 5") or storage("ok")."""
    from practice.modes import set_mode

    yield lambda mode: set_mode("storage", mode)
    set_mode("storage", "ok")


@pytest.fixture
def settled(worker):
    """settled(photo) waits until the photo is resized or has failed, and returns the photo.

    If you pass the task's id, settled() also returns as soon as the task has ended.
    """

    def wait(photo, task_id=None, seconds=15):
        def over():
            photo.refresh_from_db()
            return photo.is_processed or photo.failure_reason

        until(lambda: over() or (task_id and worker.outcome(task_id)), seconds)
        until(over, 1)  # after_return() may write, and runs after this line
        return photo

    return wait


@pytest.fixture
def sent(queue, task):
    """sent() returns the photo ids from all messages for resize_image_task in the queue."""

    def ids():
        ours = [message for message in queue.messages() if message.task == task.name]
        return [photo_id(message) for message in ours]

    return ids


@pytest.fixture
def attempt(task, queue):
    """attempt(photo, retries=0) runs the task in this process, as a worker would.

    Returns the exception (or None) and the messages that were sent. A retry message stays in the queue, because no worker
    is running.
    """

    def run(photo, retries=0):
        before = len(queue.messages())
        task.push_request(
            id=f"attempt-{retries}",
            args=[photo.pk],
            kwargs={},
            retries=retries,
            called_directly=False,
            is_eager=False,
            delivery_info={"routing_key": queue.name, "exchange": ""},
        )
        error = None
        try:
            task.run(photo.pk)
        except Complaint:
            raise
        except Exception as raised:
            error = raised
        finally:
            task.pop_request()
        return error, queue.messages()[before:]

    return run


@pytest.fixture
def last_attempt(app, task, queue):
    """last_attempt(photo) runs the task's last retry in this process, as a worker would, including on_failure() and signals."""

    def run(photo):
        with contextlib.suppress(Exception):  # what on_failure() raises
            run_task_here(app, task, "last-attempt", photo.pk, retries=50)

    return run


WHOLE_ROW = (
    "photo.save() writes all columns with the values that were read earlier, and it even re-creates a deleted row. "
    "Write only the columns that you change: {} or save(update_fields=[…])."
)


@pytest.fixture
def expect_view_keeps_row(upload, sent):
    """expect_view_keeps_row() complains if the upload view overwrites a fast worker's changes."""
    resized = []

    def resize_what_is_sent(pk):
        from images.models import UploadedImage

        photo = UploadedImage.objects.filter(pk=pk).first()
        if photo and pk in sent():
            mark_resized(photo)
            resized.append(pk)

    def check():
        from images.models import UploadedImage

        with writing_before_each_save(resize_what_is_sent) as places:
            upload(("garden.jpg", photos.jpeg(80, 60)))
        kept = UploadedImage.objects.get()
        expect(
            kept.is_processed or not resized,
            "a worker resized the photo while the upload view was still running, and then the view overwrote the photo's row.",
            WHOLE_ROW.format("call photo.mark_queued(), filter(pk=photo.pk).update(…)"),
            expected="is_processed=True, as set by the worker",
            found=f"is_processed={kept.is_processed}",
            file=places[-1] if places else "",
        )

    return check


@pytest.fixture
def expect_task_keeps_row(attempt):
    """expect_task_keeps_row(photo, run=attempt) complains if the task overwrites another process's changes.

    `run` is a function that runs the task for the photo in this process.
    """

    def check(kept, run=attempt):
        queued = timezone.now()
        rows = type(kept).objects.filter(pk=kept.pk)
        with writing_before_each_save(lambda pk: rows.update(queued_at=queued)) as places:
            run(kept)
        kept.refresh_from_db()
        expect(
            not places or kept.queued_at == queued,
            "the web process stored queued_at while the task was running, and then the task overwrote that value.",
            WHOLE_ROW.format("call photo.attach_resized() or photo.fail(), filter(pk=photo.pk).update(…)"),
            expected=f"queued_at={queued}",
            found=f"queued_at={kept.queued_at}",
            file=places[-1] if places else "",
        )

    return check
