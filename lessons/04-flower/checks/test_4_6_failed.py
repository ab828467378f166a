import os
from pathlib import Path

import pytest
from celery import chord
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError

from workshop.checkkit import PATIENCE, as_json, complain, expect, photos, until

pytestmark = [pytest.mark.step("4.6"), pytest.mark.long]

FILE = "images/tasks.py, describe_for_summary_task()"


@pytest.fixture
def summary(app, worker):
    """Sends a chord for the photos with the given ids and returns the callback's AsyncResult."""
    from images.tasks import describe_for_summary_task, summarize_task

    return lambda ids: chord([describe_for_summary_task.s(each) for each in ids])(summarize_task.s())


def outcome(task, what, why, **facts):
    """Return the summary. Complains if the callback did not succeed."""
    until(task.ready)
    if task.state != "SUCCESS":
        error = task.result if task.state == "FAILURE" else None
        text = f"{type(error).__name__}: {error}".splitlines()[0] if error else "none"
        if "NoneType" in text:
            why = "A header task returned None. Return a dictionary with the id and the error, so that the summary can list the photo."
        elif "not JSON serializable" in text:
            why = "A task's result must be JSON, which can't contain an exception. Return the exception's text, such as str(error)."
        elif error is None:
            why = f"The summary was not ready within {PATIENCE} seconds. If your machine is very busy, run the check again."
        complain(
            f"{what}, and there is no summary.", why, state=task.state, exception=text, file=FILE, **facts
        )
    return task.result


def test_one_is_gone(summary, photo):
    """A deleted photo is listed as failed, and the other photos are summed up."""
    kept, gone = photo(photos.jpeg(80, 60)), photo(photos.jpeg(80, 60))
    missing = gone.pk
    gone.delete()
    what = "one of two photos was deleted while the summary was running"
    result = outcome(
        summary([kept.pk, missing]),
        what,
        "If a header task raises an exception, Celery never runs the callback. Catch the errors that you "
        "expect, such as UploadedImage.DoesNotExist for a deleted photo, and return them.",
    )
    expect_listed(result, what, missing)


def test_one_is_damaged(summary, photo):
    """An unreadable photo is listed as failed, and the other photos are summed up."""
    kept = photo(photos.jpeg(80, 60))
    damaged, lost, bomb = (photo(photos.jpeg(80, 60)) for _ in range(3))
    Path(damaged.image.path).write_bytes(photos.garbage())
    Path(bomb.image.path).write_bytes(photos.bomb())
    lost.image.storage.delete(lost.image.name)
    unreadable = (
        "pictures.py raises UnreadablePicture for such a file. Catch UnreadablePicture and return the error."
    )
    for each, what, why in (
        (damaged, "one of two files is not a picture", unreadable),
        (
            lost,
            "the file for one of two photos is missing",
            "A missing file raises FileNotFoundError, which is an OSError.",
        ),
        (bomb, "one of two files has more pixels than Pillow accepts", unreadable),
    ):
        result = outcome(summary([kept.pk, each.pk]), what, why)
        expect_listed(result, what, each.pk)


def expect_listed(result, what, pk):
    failed = result["failed"]
    right = len(failed) == 1 and failed[0].get("id") == pk and failed[0].get("error")
    expect(
        right and isinstance(failed[0]["error"], str) and result["photos"] == 1,
        f"{what}, but the summary does not say which photo failed and why.",
        expected=as_json({"photos": 1, "failed": [{"id": pk, "error": "…"}]}),
        found=as_json({"photos": result["photos"], "failed": failed}),
        file=FILE,
    )


@pytest.mark.parametrize(
    ("error", "what", "why"),
    [
        (
            ConnectionError("The storage does not respond."),
            "the photo storage did not respond",
            "ConnectionError is an OSError and an Exception, but it says nothing about the photo. If you catch "
            "OSError or Exception, first add an `except ConnectionError` clause that re-raises the exception.",
        ),
        (
            TimeoutError("The storage does not respond."),
            "the photo storage did not respond in time",
            "TimeoutError is an OSError and an Exception, but it says nothing about the photo. If you catch "
            "OSError or Exception, catch TimeoutError before it, and re-raise it.",
        ),
        (
            SoftTimeLimitExceeded(),
            "the soft time limit interrupted the task",
            "SoftTimeLimitExceeded is an Exception, but it says nothing about the photo. Catch only the "
            "errors you expect.",
        ),
        (
            OperationalError("The database does not respond."),
            "the database did not respond",
            "A database error says nothing about the photo. Django's database errors are in TRANSIENT: re-raise them.",
        ),
        *[
            (
                kind("a bug in the code"),
                "there was a bug in the code",
                "If you catch more than the errors you expect, your own bugs look like damaged photos. UnreadablePicture "
                "is a ValueError, but a ValueError can be anything.",
            )
            for kind in (RuntimeError, ValueError, TypeError, KeyError, AttributeError)
        ],
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_other_errors_fail(app, photo, monkeypatch, error, what, why):
    """Errors that say nothing about the photo propagate, so the task fails or is retried."""
    from images.models import UploadedImage
    from images.tasks import describe_for_summary_task

    kept = photo(photos.jpeg(80, 60))

    def broken(*args, **kwargs):
        raise error

    monkeypatch.setattr(UploadedImage._meta.get_field("image").storage, "open", broken)
    try:
        result = describe_for_summary_task(kept.pk)
    except Exception:
        return
    complain(
        f"{what}, but the task reported the photo as unreadable.",
        why,
        exception=f"{type(error).__name__}: {error}".rstrip(": "),
        returned=as_json(result),
        file=FILE,
    )


def why_lost(task):
    """Return the reason why a task doesn't run again if its process is killed, or "" if it should run again."""
    if not task.acks_late:
        return (
            "The message was acknowledged when the task started, so the broker no longer has it. With "
            "acks_late, the message is acknowledged after the task has finished."
        )
    if not task.reject_on_worker_lost:
        return (
            "With acks_late alone, the worker acknowledges the message when the process is lost. "
            "Add reject_on_worker_lost, which returns the message to the queue."
        )
    return ""


def test_one_is_killed(app, summary, worker, photo, tmp_path):
    """If the process that is describing a photo is killed, the summary still succeeds."""
    from images.tasks import describe_for_summary_task

    held, other = photo(photos.jpeg(80, 60), "held.jpg"), photo(photos.jpeg(80, 60))
    file = Path(held.image.path)
    content = file.read_bytes()
    file.unlink()
    os.mkfifo(file)  # a process that opens it waits
    task = summary([held.pk, other.pk])

    def process():
        replies = app.control.broadcast("active", reply=True, limit=1, timeout=5) or []
        tasks = [each for reply in replies for found in reply.values() for each in found]
        return next((each["worker_pid"] for each in tasks if held.pk in each["args"]), None)

    pid = until(process)
    if not pid:
        complain(
            f"the worker did not start describing the photos within {PATIENCE} seconds.",
            "If your machine is very busy, run the check again.",
            worker_says=worker.log.splitlines()[-1],
            file=FILE,
        )
    until(
        lambda: all(worker.outcome(each.id) for each in task.parent.results[1:])
    )  # the other process is idle now
    whole = tmp_path / "whole.jpg"
    whole.write_bytes(content)
    os.replace(whole, file)
    worker.kill_child(pid)
    options = describe_for_summary_task.acks_late, describe_for_summary_task.reject_on_worker_lost
    result = outcome(
        task,
        f"process {pid} was killed with -9 while it was describing one of two photos",
        why_lost(describe_for_summary_task),
        options="acks_late={}, reject_on_worker_lost={}".format(*options),
    )
    expect(
        result["photos"] == 2,
        f"process {pid} was killed with -9, and the photo it was describing is missing from the summary.",
        found=as_json(result),
        file=FILE,
    )
