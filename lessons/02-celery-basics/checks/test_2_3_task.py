import json

import pytest

from workshop.checkkit import complain, expect, photos

pytestmark = pytest.mark.step("2.3")

FILE = "images/tasks.py, describe_photo_task()"


@pytest.fixture
def task(app):
    from images import tasks

    task = getattr(tasks, "describe_photo_task", None)
    if not hasattr(task, "delay"):
        complain("describe_photo_task is a function and not a task yet.", found=repr(task), file=FILE)
    return task


def result_of(task, worker, *arguments):
    from celery.exceptions import TimeoutError

    result = task.delay(*arguments)
    try:
        return result.get(timeout=15)
    except TimeoutError:
        complain(
            "the task was sent, and no result came back.",
            worker_says="\n".join(worker.log.splitlines()[-3:]),
            file=FILE,
        )
    except Exception as error:
        complain(
            "the task failed in the worker.",
            exception=f"{type(error).__name__}: {error}",
            raised_at=worker.raised_at(result.id),
            file=FILE,
        )


def test_describes(task, worker, photo):
    """The worker describes a photo by its id, as data that JSON can hold."""
    content = photos.jpeg()
    kept = photo(content)
    found = result_of(task, worker, kept.pk)
    expected = {
        "name": kept.name,
        "format": "JPEG",
        "size": [1600, 1200],
        "bytes": len(content),
        "taken": None,
        "uploaded": kept.uploaded_at.isoformat(),
    }
    if not isinstance(found, dict):
        complain("the task does not return a dictionary.", found=repr(found), file=FILE)
    missing = [name for name in expected if name not in found]
    expect(
        not missing,
        f"the description has no {', '.join(missing)}.",
        found=json.dumps(found, default=repr),
        file=FILE,
    )
    for name, value in expected.items():
        expect(
            found[name] == value,
            f"the description's {name!r} is not right.",
            "JSON has no datetime; isoformat() is the text that every program reads."
            if name == "uploaded"
            else "",
            expected=json.dumps(value),
            found=repr(found[name]),
            file=FILE,
        )


def test_taken(task, worker, photo):
    """When the photo was taken comes from its EXIF block."""
    from PIL import Image

    exif = Image.Exif()
    exif[0x0132] = "2026:05:01 10:00:00"
    kept = photo(photos.encoded(photos.scene(400, 300), "JPEG", exif=exif))
    found = result_of(task, worker, kept.pk)
    expect(
        found.get("taken") == "2026:05:01 10:00:00",
        "the time when the photo was taken is not in the description.",
        expected="2026:05:01 10:00:00",
        found=repr(found.get("taken")),
        file=FILE,
    )


def test_reads_through_the_storage(task, photo, no_path):
    """The photo is opened through the storage: a worker on another machine has no such path."""
    kept = photo(photos.jpeg())
    with no_path(FILE):
        task(kept.pk)
