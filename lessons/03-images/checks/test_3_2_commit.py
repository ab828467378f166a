import contextlib

import pytest
from django.db import IntegrityError, OperationalError, connections

from workshop.checkkit import expect, photos

pytestmark = pytest.mark.step("3.2")

FILE = "images/queueing.py, save_and_enqueue()"
SMALL = photos.jpeg(80, 60)


def test_rollback_sends_nothing(upload, queue, monkeypatch):
    """An upload that cannot be committed sends no task."""
    from images.models import UploadedImage

    tried = []

    def commit():
        tried.append("commit")
        raise OperationalError("database or disk is full")

    with monkeypatch.context() as patch, contextlib.suppress(OperationalError):
        patch.setattr(connections["default"], "commit", commit)
        upload(("garden.jpg", SMALL), follow=False)
    kept, messages = UploadedImage.objects.count(), queue.messages()
    expect(
        not kept,
        "the transaction was rolled back, and the photo is in the database: it was saved before the transaction "
        "began."
        if tried
        else "the upload is no transaction: every photo is committed by itself, one after the other.",
        "form.save() inside transaction.atomic() keeps all photos of an upload or none. Without a transaction "
        "around it, on_commit has nothing to wait for, and calls at once.",
        file=FILE,
    )
    expect(
        not messages,
        "the upload was rolled back, but a task for it reached the broker.",
        ".delay() sends at once, whatever the transaction does later. A worker that is quick asks for a row that "
        "is not committed yet: UploadedImage matching query does not exist.",
        expected=f'no message on the queue "{queue.name}"',
        found="\n".join(map(str, messages)),
        sent_from=queue.sent_from[-1] if queue.sent_from else "?",
    )


def test_commit_sends(upload, queue, sent):
    """After the commit every photo of the upload has its task."""
    from images.models import UploadedImage

    upload(("garden.jpg", SMALL), ("sea.png", SMALL), ("hill.jpg", SMALL))
    kept = sorted(photo.pk for photo in UploadedImage.objects.all())
    found = "\n".join(map(str, queue.messages())) or "no message"
    expected = "\n".join(f"images.tasks.resize_image_task({pk})" for pk in kept)
    expect(
        len(set(sent())) != 1 or len(sent()) == 1,
        "three photos were uploaded and committed, and all tasks are for the same one.",
        "A lambda in a loop looks the loop's variable up when it is called: after the commit, and then it is the "
        "last photo. Give it the photo now: partial(enqueue, [photo]).",
        expected=expected,
        found=found,
        file=FILE,
    )
    expect(
        sorted(sent()) == kept,
        "three photos were uploaded and committed, and there is not one task for each.",
        expected=expected,
        found=found,
        file=FILE,
    )


def test_all_or_none(upload, queue, monkeypatch):
    """When one photo of an upload cannot be kept, none is, and nothing is sent."""
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
        "the second photo of an upload could not be kept, and the first one was: an upload by half.",
        "transaction.atomic() around form.save() takes everything back when one part fails.",
        found=f"{kept} photo kept, {sent} task sent",
        file=FILE,
    )
    expect(not sent, "nothing was kept, and a task was sent.", file=FILE)
