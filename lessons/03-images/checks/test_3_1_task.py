import pytest
from kombu.exceptions import EncodeError

from workshop.checkkit import complain, expect, photos

pytestmark = pytest.mark.step("3.1")

VIEW = "images/views.py, upload()"
TASK = "images/tasks.py, resize_image_task()"


def test_view_leaves_the_work(upload, queue, sent, patience):
    """The view answers with the photos kept and not resized, and one message for each on the queue."""
    from images.models import UploadedImage

    with patience(
        "the upload view did not answer while no worker took the task.",
        "It waits for the result. Take .get() out: the page follows the photo's state by itself.",
        file=VIEW,
    ):
        try:
            upload(("garden.jpg", photos.jpeg()), ("sea.png", photos.png()))
        except EncodeError as error:
            complain(
                "an argument of the task does not fit into a message.",
                "A message is text: numbers, strings, lists. Send photo.pk; the task reads the row by itself.",
                says=str(error),
                file="images/queueing.py, enqueue()",
            )
    kept = list(UploadedImage.objects.order_by("pk"))
    expect(len(kept) == 2, f"two photos were uploaded, and {len(kept)} are kept.", file=VIEW)
    resized = [photo.name for photo in kept if photo.is_processed]
    expect(
        not resized,
        "the view still resizes: no worker was there, and the photos are done when the answer comes.",
        "Called like a function, a task runs in the web process too.",
        resized=", ".join(resized),
        file=VIEW,
    )
    expect(
        sorted(sent(), key=str) == sorted((photo.pk for photo in kept), key=str),
        "there is not one message with the id of each photo on the queue.",
        "The worker finds the task by its whole name, images.tasks.resize_image_task, and the photo by its id.",
        expected="\n".join(f"images.tasks.resize_image_task({photo.pk})" for photo in kept),
        found="\n".join(map(str, queue.messages())) or "no message",
        file="images/queueing.py, enqueue()",
    )


def test_worker_resizes(task, worker, photo, ended, settled):
    """The worker resizes the photo, and keeps the result with its figures."""
    kept = photo(photos.jpeg(1600, 1200, 6))
    began = task.delay(kept.pk)
    settled(kept, began.id)
    if not kept.is_processed:
        said = ended(began.id)
        complain(
            "the task ran, and the photo is not resized." if said else "the worker did not end the task.",
            "No exception, and nothing in the database: what the task sets on its photo is gone with it, unless "
            "it is saved. attach_resized() saves."
            if said.startswith("succeeded")
            else "",
            worker_says=said or worker.log.splitlines()[-1],
            raised_at=worker.raised_at(began.id) or "nothing was raised",
            file=TASK,
        )
    name = kept.resized_image.name.rpartition("/")[2]
    found = (name, kept.resized_width, kept.resized_height)
    expect(
        found == ("garden_resized.jpg", 450, 600),
        "the photo is not kept as it was in lesson 01.",
        expected="garden_resized.jpg, 450×600",
        found="{}, {}×{}".format(*found),
        file=TASK,
    )
    expect(kept.resize_seconds, "the photo does not say how long its resize took.", file=TASK)


def test_box(task, photo, settled):
    """max_width and max_height reach resize()."""
    kept = photo(photos.jpeg(400, 300))
    began = task.apply_async((kept.pk,), {"max_width": 100, "max_height": 100})
    settled(kept, began.id)
    expect(
        (kept.resized_width, kept.resized_height) == (100, 75),
        "the task was asked for a box of 100×100.",
        "max_width and max_height come with the message: resize() has to get them.",
        expected="100×75",
        found=f"{kept.resized_width}×{kept.resized_height}" if kept.is_processed else "not resized",
        file=TASK,
    )


def test_reads_through_the_storage(task, photo, no_path):
    """The photo is opened through the storage: a worker on another machine has no such path."""
    kept = photo(photos.jpeg())
    with no_path(TASK):
        task(kept.pk)
