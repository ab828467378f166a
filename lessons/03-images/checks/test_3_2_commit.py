import pytest
from django.db import IntegrityError, transaction

from workshop.checkkit import expect, photos

pytestmark = pytest.mark.step("3.2")

FILE = "images/views.py, save_and_enqueue()"


def test_rollback_sends_nothing(upload, queue):
    """An upload that is rolled back sends no task."""
    from images.models import UploadedImage

    with transaction.atomic():
        upload(("garden.jpg", photos.jpeg()), follow=False)
        transaction.set_rollback(True)
    messages = queue.messages()
    expect(not UploadedImage.objects.exists(), "the upload commits by itself.", file=FILE)
    expect(
        not messages,
        "the upload was rolled back, but a task for it reached the broker.",
        ".delay() sends at once, whatever the transaction does later. A worker that is quick asks for a row that "
        "is not committed yet: UploadedImage matching query does not exist.",
        expected=f'no message on the queue "{queue.name}"',
        found="\n".join(map(str, messages)),
        sent_from=queue.sent_from[-1] if queue.sent_from else "?",
    )


def test_commit_sends(upload, queue):
    """After the commit every photo of the upload has its task."""
    upload(("garden.jpg", photos.jpeg()), ("sea.png", photos.png()))
    expect(
        len(queue.messages()) == 2,
        f"two photos were uploaded and committed, and {len(queue.messages())} tasks were sent.",
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
    with pytest.raises(IntegrityError):
        upload(("garden.jpg", photos.jpeg()), ("full.jpg", photos.jpeg()))
    kept, sent = UploadedImage.objects.count(), len(queue.messages())
    expect(
        not kept,
        "the second photo of an upload could not be kept, and the first one was: an upload by half.",
        "transaction.atomic() around form.save() takes everything back when one part fails.",
        found=f"{kept} photo kept, {sent} task sent",
        file=FILE,
    )
    expect(not sent, "nothing was kept, and a task was sent.", file=FILE)
