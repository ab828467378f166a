import contextlib

import pytest
from django.db import IntegrityError, OperationalError, connections

from workshop.checkkit import expect, photos

pytestmark = pytest.mark.step("3.2")

FILE = "images/queueing.py, save_and_enqueue()"
SMALL = photos.jpeg(80, 60)


def test_rollback_sends_nothing(upload, queue, monkeypatch):
    """If an upload can't be committed, no task is sent."""
    from images.models import UploadedImage

    commits = []

    def commit():
        commits.append("commit")
        raise OperationalError("database or disk is full")

    with monkeypatch.context() as patch, contextlib.suppress(OperationalError):
        patch.setattr(connections["default"], "commit", commit)
        upload(("garden.jpg", SMALL), follow=False)
    kept, messages = UploadedImage.objects.count(), queue.messages()
    expect(
        not kept,
        "the transaction was rolled back, but the photo is in the database, because it was saved before the transaction "
        "started."
        if commits
        else "the upload does not run in a transaction: each photo is committed separately.",
        "Call form.save() inside transaction.atomic(), so that an upload saves either all of its photos or none. Without a "
        "transaction, on_commit() calls the function immediately.",
        file=FILE,
    )
    expect(
        not messages,
        "the upload was rolled back, but its task was sent to the broker.",
        ".delay() sends the task immediately, so a fast worker looks for a row that is not committed yet, and logs "
        "UploadedImage matching query does not exist. Register enqueue() with transaction.on_commit().",
        expected=f'no message in the queue "{queue.name}"',
        found="\n".join(map(str, messages)),
        sent_from=queue.sent_from,
    )


def test_commit_sends(upload, queue, sent, task):
    """After the commit, one task is sent for each uploaded photo."""
    from images.models import UploadedImage

    upload(("garden.jpg", SMALL), ("sea.png", SMALL), ("hill.jpg", SMALL))
    kept = sorted(photo.pk for photo in UploadedImage.objects.all())
    found = "\n".join(map(str, queue.messages())) or "no message"
    expected = "\n".join(f"{task.name}({pk})" for pk in kept)
    expect(
        len(set(sent())) != 1 or len(sent()) == 1,
        "three photos were uploaded and committed, but all tasks are for the same photo.",
        "A lambda in a loop reads the loop variable when the lambda is called. After the commit, the variable "
        "refers to the last photo. Pass the photo now, with partial(enqueue, [photo]).",
        expected=expected,
        found=found,
        file=FILE,
    )
    expect(
        sorted(sent()) == kept,
        "three photos were uploaded and committed, but the queue does not contain exactly one task for each photo.",
        expected=expected,
        found=found,
        file=FILE,
    )


def test_all_or_none(upload, queue, monkeypatch):
    """If one photo in an upload can't be saved, no photo is saved, and no task is sent."""
    from images.models import UploadedImage

    save = UploadedImage.save

    def full(photo, *args, **kwargs):
        if photo.image.name.startswith("full"):
            raise IntegrityError("database or disk is full")
        save(photo, *args, **kwargs)

    monkeypatch.setattr(UploadedImage, "save", full)
    with contextlib.suppress(IntegrityError):
        upload(("garden.jpg", SMALL), ("full.jpg", SMALL))
    kept, sent = UploadedImage.objects.count(), len(queue.messages())
    expect(
        not kept,
        "the second photo in an upload could not be saved, but the first photo was, so only part of the upload was saved.",
        "Call form.save() inside transaction.atomic(), which rolls everything back if one part fails.",
        found=f"{kept} photos saved, {sent} tasks sent",
        file=FILE,
    )
    expect(
        not sent,
        "no photo was saved, but a task was sent. Register enqueue() with transaction.on_commit().",
        file=FILE,
    )
