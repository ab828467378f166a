from datetime import datetime

import pytest

from workshop.checkkit import as_json, complain, expect, photos
from workshop.checkkit.photo_rows import mark_resized

pytestmark = pytest.mark.step("2.3")

FILE = "images/tasks.py, describe_photo_task()"

WHY = {
    "not JSON serializable": "The result is sent as JSON too, so it can contain strings, numbers, lists and "
    "dictionaries, but no model instances and no files. Return only the values that you need.",
    "cannot unpack non-iterable": "get() takes conditions by name: UploadedImage.objects.get(pk=image_id).",
    "Cannot resolve keyword": "The photo's id is its primary key: UploadedImage.objects.get(pk=image_id).",
    "'QuerySet' object": "filter() returns a query, not a photo. Use get(), which returns one photo: "
    "UploadedImage.objects.get(pk=image_id).",
    "'int' object has no attribute": "The message contains only the photo's id, which is a number. Load the photo in the "
    "task: UploadedImage.objects.get(pk=image_id).",
    "KeyError: 306": "306 is 0x0132, the EXIF tag DateTime. Not every photo has this tag. If the tag is missing, "
    ".get(0x0132) returns None, and so does taken_at().",
    "KeyError": "Not every photo has this EXIF tag. If the tag is missing, .get() returns None, and so does taken_at().",
    "'NoneType' object": "Not every photo has an EXIF block. If the block is missing, _getexif() returns None, but "
    "getexif(), without the underscore, returns an empty block.",
    "closed file": "Pillow reads from the file when you use the picture, so use the picture while the file is open, inside "
    "the with block.",
    "positional argument": "With bind=True, Celery passes the task itself as the first argument, self. Without "
    "bind=True, there is no self.",
}
"""Maps part of an exception's text to its cause."""

RIGHT = {
    "name": "photo.name is the file name without its folder.",
    "format": "picture.format is the format that Pillow found in the file. The file name's extension may be wrong.",
    "size": "Describe the file that the visitor uploaded, photo.image, and not the resized one.",
    "bytes": "photo.original_bytes is the size of the uploaded file. open_picture() has already read a part of the open file.",
}
"""Explains where a value in the description comes from."""


@pytest.fixture
def task(describe_photo_task):
    return describe_photo_task


def result_of(task, worker, *arguments):
    from celery.exceptions import TimeoutError

    try:
        result = task.delay(*arguments)
    except TypeError as error:
        fail("the task could not be sent.", error)
    try:
        return result.get(timeout=15)
    except TimeoutError:
        complain(
            "the task was sent, but its result did not arrive in time.",
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
    """Return the task's description of the photo, or fail if it is not a dictionary."""
    found = result_of(task, worker, photo.pk)
    if not isinstance(found, dict):
        why = ""
        if task.ignore_result:
            why = "With ignore_result=True, the worker discards the result, but the page needs it."
        elif found is None:
            why = (
                "print() only writes to the worker's log. A task's result is the value that the task returns."
            )
        elif isinstance(found, str):
            why = "Celery converts the result to JSON for you, so return the dictionary itself."
        complain("the task does not return a dictionary.", why, found=repr(found), file=FILE)
    return found


def test_describes(task, worker, photo):
    """Given a photo's id, the worker returns a description that can be serialized as JSON."""
    content = photos.jpeg()
    kept = photo(content)
    mark_resized(kept)  # as every photo is after its upload
    found = description(task, worker, kept)
    expected = {
        "name": kept.name,
        "format": "JPEG",
        "size": [1000, 750],
        "bytes": len(content),
        "taken": None,
    }
    missing = [name for name in [*expected, "uploaded"] if name not in found]
    expect(
        not missing,
        f"the description is missing {', '.join(missing)}.",
        found=as_json(found),
        file=FILE,
    )
    for name, value in expected.items():
        expect(
            found[name] == value,
            f"the value of {name!r} in the description is wrong.",
            RIGHT.get(name, ""),
            expected=as_json(value),
            found=repr(found[name]),
            file=FILE,
        )
    expect(
        is_iso(found["uploaded"], kept.uploaded_at),
        "the value of 'uploaded' in the description is wrong.",
        "JSON has no datetime type. isoformat() returns a string that every program can read, with a T before the time "
        "and the time zone at the end.",
        expected=as_json(kept.uploaded_at.isoformat()),
        found=repr(found["uploaded"]),
        file=FILE,
    )


def is_iso(text, moment):
    """Return whether `text` is `moment` in ISO 8601 format, to the second."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return False
    return "T" in text and found.tzinfo is not None and abs((found - moment).total_seconds()) < 1


def test_taken(task, worker, photo):
    """`taken` comes from the EXIF tag DateTime."""
    from PIL import Image

    exif = Image.Exif()
    exif[0x0132] = "2026:05:01 10:00:00"
    kept = photo(photos.encoded(photos.scene(400, 300), "JPEG", exif=exif))
    found = description(task, worker, kept)
    expect(
        found.get("taken") == "2026:05:01 10:00:00",
        "`taken` does not come from the EXIF tag DateTime.",
        "DateTime is tag 0x0132 of the EXIF block, and taken_at(picture) returns its value.",
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
        "the description of a PNG is wrong.",
        expected=as_json(expected),
        found=as_json(found),
        file=FILE,
    )


def test_no_photo_is_a_failure(task, worker):
    """If there is no photo with this id, the task fails."""
    result = task.delay(0)
    result.get(timeout=15, propagate=False)
    expect(
        result.state == "FAILURE",
        f"photo 0 does not exist, but the task that describes it ended in the state {result.state}.",
        "A task that returns a value has succeeded, whatever the value is. If you don't catch the exception, the state "
        "is FAILURE, and the worker's log and the page show why.",
        found=repr(result.result),
        file=FILE,
    )
    expect(
        not isinstance(result.result, (AttributeError, IndexError, TypeError)),
        "photo 0 does not exist, but the task's exception doesn't say that there is no such photo.",
        "If there is no row, first() returns None and [0] raises IndexError. UploadedImage.objects.get(pk=image_id) raises "
        "DoesNotExist.",
        found=repr(result.result),
        file=FILE,
    )


def test_reads_through_the_storage(task, photo, forbid_path):
    """The task opens the photo through the storage, because a path works on only one machine."""
    kept = photo(photos.jpeg())
    with forbid_path(FILE):
        task(kept.pk)
