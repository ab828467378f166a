import json
from datetime import datetime

import pytest

from workshop.checkkit import complain, expect, photos

pytestmark = pytest.mark.step("2.3")

FILE = "images/tasks.py, describe_photo_task()"

WHY = {
    "not JSON serializable": "The result travels as JSON too: strings, numbers, lists, dictionaries. A model "
    "instance or a file is none of these, so return what you want to know about it.",
    "'int' object has no attribute": "The message carries the photo's id, a number. The task loads the row: "
    "UploadedImage.objects.get(pk=image_id).",
    "KeyError": "Not every photo has this entry. .get() returns None where there is none.",
    "'NoneType' object": "Not every photo has an EXIF block, and _getexif() returns None then. getexif(), without "
    "the underscore in front, returns an empty one.",
    "closed file": "Pillow reads from the file when you ask for something. Ask while it is open, inside the with.",
    "positional argument": "bind=True gives a task itself as its first argument: with it there is a self, without "
    "it there is none.",
}
"""Part of an exception's text -> what is behind it."""

RIGHT = {
    "name": "photo.name is the file's name without its folder.",
    "format": "picture.format is what Pillow found in the file. The name may say something else.",
}
"""Where an entry of the description comes from."""


@pytest.fixture
def task(describe_photo_task):
    return describe_photo_task


def result_of(task, worker, *arguments):
    from celery.exceptions import TimeoutError

    try:
        result = task.delay(*arguments)
    except TypeError as error:
        fail("the task cannot be sent.", error)
    try:
        return result.get(timeout=15)
    except TimeoutError:
        complain(
            "the task was sent, and no result came back.",
            worker_says="\n".join(worker.log.splitlines()[-3:]),
            file=FILE,
        )
    except Exception as error:
        place = worker.raised_at(result.id)
        fail("the task failed in the worker.", error, **({"raised_at": place} if place else {}))


def fail(what, error, **facts):
    said = f"{type(error).__name__}: {error}"
    why = next((why for part, why in WHY.items() if part in said), "")
    complain(what, why, exception=said, **facts, file=FILE)


def description(task, worker, photo):
    """What the task returns about the photo. Complains when that is no dictionary."""
    found = result_of(task, worker, photo.pk)
    if not isinstance(found, dict):
        why = ""
        if task.ignore_result:
            why = "ignore_result=True: the worker throws the result away. Here somebody wants to read it."
        elif found is None:
            why = "What a task prints stands in the worker's log. Its result is what it returns."
        elif isinstance(found, str):
            why = "Celery makes JSON of the result by itself. A text stays a text on the other side."
        complain("the task does not return a dictionary.", why, found=repr(found), file=FILE)
    return found


def test_describes(task, worker, photo):
    """The worker describes a photo by its id, as data that JSON can hold."""
    content = photos.jpeg()
    kept = photo(content)
    found = description(task, worker, kept)
    expected = {
        "name": kept.name,
        "format": "JPEG",
        "size": [1600, 1200],
        "bytes": len(content),
        "taken": None,
    }
    missing = [name for name in [*expected, "uploaded"] if name not in found]
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
            RIGHT.get(name, ""),
            expected=json.dumps(value),
            found=repr(found[name]),
            file=FILE,
        )
    expect(
        is_iso(found["uploaded"], kept.uploaded_at),
        "the description's 'uploaded' is not right.",
        "JSON has no datetime; isoformat() is the text that every program reads: a T before the time, and the "
        "time zone at the end.",
        expected=json.dumps(kept.uploaded_at.isoformat()),
        found=repr(found["uploaded"]),
        file=FILE,
    )


def is_iso(text, moment):
    """Whether `text` is this moment as ISO 8601 has it, to the second."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return False
    return "T" in text and found.tzinfo is not None and abs((found - moment).total_seconds()) < 1


def test_taken(task, worker, photo):
    """When the photo was taken comes from its EXIF block."""
    from PIL import Image

    exif = Image.Exif()
    exif[0x0132] = "2026:05:01 10:00:00"
    kept = photo(photos.encoded(photos.scene(400, 300), "JPEG", exif=exif))
    found = description(task, worker, kept)
    expect(
        found.get("taken") == "2026:05:01 10:00:00",
        "the time when the photo was taken is not in the description.",
        "Entry 0x0132 of the EXIF block has it.",
        expected="2026:05:01 10:00:00",
        found=repr(found.get("taken")),
        file=FILE,
    )


def test_without_exif(task, worker, photo):
    """A PNG without an EXIF block is described too."""
    found = description(task, worker, photo(photos.png(), "sea.png"))
    found = {name: found.get(name) for name in ("name", "format", "size", "taken")}
    expected = {"name": "sea.png", "format": "PNG", "size": [1000, 750], "taken": None}
    expect(
        found == expected,
        "a PNG is not described as it is.",
        expected=json.dumps(expected),
        found=json.dumps(found, default=repr),
        file=FILE,
    )


def test_no_photo_is_a_failure(task, worker):
    """For an id that no photo has, the task fails."""
    result = task.delay(0)
    result.get(timeout=15, propagate=False)
    expect(
        result.state == "FAILURE",
        f"there is no photo 0, and the task that describes it is a {result.state}.",
        "For Celery a task that returns is a success, whatever it returns. Let the exception out: the state becomes "
        "FAILURE, the worker's log says why, and the page can say so.",
        found=repr(result.result),
        file=FILE,
    )


def test_reads_through_the_storage(task, photo, no_path):
    """The photo is opened through the storage: a worker on another machine has no such path."""
    kept = photo(photos.jpeg())
    with no_path(FILE):
        task(kept.pk)
