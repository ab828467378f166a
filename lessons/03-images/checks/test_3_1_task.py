import pytest
from kombu.exceptions import EncodeError

from workshop.checkkit import complain, expect, photos
from workshop.checkkit.rows import expect_original
from workshop.checkkit.sights import expect_truth, watched

pytestmark = pytest.mark.step("3.1")

VIEW = "images/views.py, upload()"
TASK = "images/tasks.py, resize_image_task()"


def test_view_leaves_the_work(upload, queue, sent, task, patience):
    """The view saves the photos and sends one message for each, but does not resize them."""
    from images.models import UploadedImage

    with patience(
        "the upload view did not answer while no worker took the task.",
        "It waits for the result of the task. Delete the call of .get(): the page asks for the photo's state.",
        file=VIEW,
    ):
        try:
            upload(("garden.jpg", photos.jpeg()), ("sea.png", photos.png()))
        except EncodeError as error:
            complain(
                "an argument of the task can't be written as JSON, so it can't be part of a message.",
                "JSON has numbers, strings and lists. Send photo.pk, and let the task load the row.",
                says=str(error),
                file="images/queueing.py, enqueue()",
            )
    kept = list(UploadedImage.objects.order_by("pk"))
    expect(len(kept) == 2, f"two photos were uploaded, but {len(kept)} are saved.", file=VIEW)
    resized = [photo.name for photo in kept if photo.is_processed]
    expect(
        not resized,
        "the view still resizes the photos: no worker was running, but they were resized when the view answered.",
        "Delete the loop in upload(), and send the task with delay(). Called like a function, a task runs in the web "
        "process too.",
        resized=", ".join(resized),
        file=VIEW,
    )
    ids = sorted(photo.pk for photo in kept)
    facts = {
        "expected": "\n".join(f"{task.name}({pk})" for pk in ids),
        "found": "\n".join(map(str, queue.messages())) or "no message",
        "file": "images/queueing.py, enqueue()",
    }
    expect(
        set(sent()) != set(ids) or len(sent()) == len(ids),
        "a task was sent more than once for the same photo.",
        "enqueue() sends one task for each photo, and the upload view sends nothing itself.",
        **facts,
    )
    expect(
        sorted(sent(), key=str) == sorted(ids, key=str),
        "the queue does not contain one message for each photo.",
        f"A message contains the full task name, {task.name}, and the id of the photo.",
        **facts,
    )


def test_rows_during_the_work(attempt, photo):
    """At each moment, a photo that counts as resized has its file, and a good photo has not failed."""
    kept = photo(photos.jpeg(400, 300))
    with watched() as sights:
        attempt(kept)
    expect_truth(sights, "the task", TASK)


def test_worker_resizes(task, worker, photo, ended, settled):
    """The worker resizes the photo, and stores the file, its size and the time."""
    kept = photo(photos.jpeg(1600, 1200, 6))
    started = task.delay(kept.pk)
    settled(kept, started.id)
    if not kept.is_processed:
        said = ended(started.id)
        complain(
            "the task ran, but the photo is not resized."
            if said
            else "the worker did not finish the task in time.",
            "The task raised no exception, but the row is unchanged: an attribute that the task sets on its photo is lost "
            "unless it is saved. Call attach_resized(), which saves."
            if said.startswith("succeeded")
            else ("" if said else "If your machine is very busy, run the check again."),
            worker_says=said or worker.log.splitlines()[-1],
            raised_at=worker.raised_at(started.id) or "nothing was raised",
            file=TASK,
        )
    name = kept.resized_image.name.rpartition("/")[2]
    found = (name, kept.resized_width, kept.resized_height)
    expect(
        found == ("garden_resized.jpg", 450, 600),
        "the resized photo has another name or size than in lesson 01.",
        expected="garden_resized.jpg, 450×600",
        found="{}, {}×{}".format(*found),
        file=TASK,
    )
    expect(
        kept.resize_seconds,
        "the photo's resize_seconds is empty. Pass the seconds to attach_resized().",
        file=TASK,
    )


def test_box(task, photo, settled):
    """max_width and max_height reach resize()."""
    kept = photo(photos.jpeg(400, 300))
    started = task.apply_async((kept.pk,), {"max_width": 100, "max_height": 100})
    settled(kept, started.id)
    expect(
        (kept.resized_width, kept.resized_height) == (100, 75),
        "the task was sent with a box of 100×100, but the photo has another size.",
        "Pass max_width and max_height of the task to resize().",
        expected="100×75",
        found=f"{kept.resized_width}×{kept.resized_height}" if kept.is_processed else "not resized",
        file=TASK,
    )


def test_reads_through_the_storage(task, photo, no_path):
    """The task opens the photo through the storage, because a worker on another machine has no such path."""
    kept = photo(photos.jpeg())
    with no_path(TASK):
        task(kept.pk)


def test_original_is_kept(attempt, photo):
    """The uploaded file stays as it is."""
    content = photos.jpeg(400, 300)
    kept = photo(content)
    attempt(kept)
    expect_original(kept, content, TASK)


def test_view_keeps_what_a_worker_writes(expect_view_keeps_row):
    """If a worker is faster than the rest of the view, its result stays."""
    expect_view_keeps_row()


@pytest.mark.parametrize("content", [photos.jpeg, photos.cut_short])
def test_task_keeps_what_others_write(expect_task_keeps_row, photo, content):
    """If another process changes the photo's row while the task is running, its change stays."""
    expect_task_keeps_row(photo(content()))
