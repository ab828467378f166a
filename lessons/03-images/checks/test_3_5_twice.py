from pathlib import Path

import pytest

from workshop.checkkit import complain, expect, photos, until
from workshop.checkkit.observed_rows import observe_rows
from workshop.checkkit.photo_rows import mark_resized

pytestmark = pytest.mark.step("3.5")

FILE = "myproject/settings.py, STORAGES"


def results(photo, settings):
    return sorted(file.name for file in Path(settings.MEDIA_ROOT).rglob(f"resized/{photo.pk}/*"))


def expect_success(line, how):
    """`line` is the log line that says how a run ended, or "" if the run has not ended."""
    if not line.startswith("succeeded"):
        complain(
            f"the task ran {how}, and one of the runs " + ("failed." if line else "did not finish in time."),
            ""
            if line
            else "If get_available_name() returns a name that is already taken, FileSystemStorage keeps asking for "
            "another name forever, unless allow_overwrite is set. If your machine is very busy, run the check again.",
            worker_says=line or "nothing",
            file=FILE,
        )


def expect_one_file(photo, settings, how):
    photo.refresh_from_db()
    found = results(photo, settings)
    resized = settings.STORAGES["resized"]
    others = [
        name
        for name, storage in settings.STORAGES.items()
        if storage is not resized and "allow_overwrite" in {**storage, **storage.get("OPTIONS", {})}
    ]
    if "allow_overwrite" in resized:
        why = "allow_overwrite is next to BACKEND, where Django ignores it. Move allow_overwrite into the OPTIONS dictionary."
    elif others and "allow_overwrite" not in resized.get("OPTIONS", {}):
        why = f'allow_overwrite is set for the wrong storage, "{others[0]}". Move it to the OPTIONS of "resized".'
    elif resized.get("OPTIONS", {}).get("allow_overwrite"):
        why = (
            "allow_overwrite is set, but the second run stored its file under another name, so there was nothing to "
            "overwrite. A name must be the same in each run: resized_path() makes it from the photo's id and name."
        )
    else:
        why = (
            "Django's storage doesn't overwrite files: it chooses another name, and the first file stays. Set "
            "allow_overwrite in the storage's OPTIONS."
        )
    expect(
        len(found) == 1,
        f"the task ran {how} and left {len(found)} files.",
        why,
        expected="garden_resized.jpg",
        found="\n".join(found) or "no file",
        file=FILE,
    )
    expect(
        photo.resized_image.name.endswith(found[0]),
        "the row refers to a file that does not exist.",
        found=photo.resized_image.name,
        file=FILE,
    )


def test_one_after_the_other(task, photo, settings, worker):
    """A second run resizes the photo again and leaves only one file."""
    kept = photo(photos.jpeg(400, 300))
    for box in (200, 100):
        sent = task.delay(kept.pk, max_width=box, max_height=box)
        until(lambda: worker.outcome(sent.id), 10)  # noqa: B023
        expect_success(worker.outcome(sent.id), "twice in a row")
    expect_one_file(kept, settings, "twice in a row")
    expect(
        kept.resized_width == 100,
        "the second run had a smaller maximum size, but the photo still has the size from the first run.",
        "Don't skip photos that are already resized: manage.py resize_again sends this task to resize photos again, for "
        "example after you change the size.",
        expected="100×75",
        found=f"{kept.resized_width}×{kept.resized_height}",
        file="images/tasks.py, resize_image_task()",
    )


def test_file_is_never_missing(task, photo, settings, storage, worker):
    """While two runs write the photo's file at the same time, the file always exists."""
    kept = photo(photos.jpeg(400, 300))
    first = task.delay(kept.pk)
    until(lambda: worker.outcome(first.id), 10)
    expect_success(worker.outcome(first.id), "several times")
    storage("slow 0.5")  # so that both runs overlap, and a file that is deleted first is missing for a while
    sent = [task.delay(kept.pk) for _ in range(2)]
    missing = []

    def both_have_ended():
        if not results(kept, settings):
            missing.append(True)
        return missing or all(worker.outcome(each.id) for each in sent)

    until(both_have_ended, 15)
    expect(
        not missing,
        "while the task was running again for a resized photo, the photo had no file.",
        "Don't delete the old file first: visitors would see no picture, and if the process were killed at that moment, "
        "the file would be lost. Let the storage overwrite the file.",
        expected="garden_resized.jpg at all times",
        found="no file while the task was running",
        file=FILE,
    )
    for each in sent:
        expect_success(worker.outcome(each.id), "twice at the same time")
    expect_one_file(kept, settings, "twice at the same time")


def test_stays_resized(attempt, photo):
    """During a second run, the photo still counts as resized."""
    kept = photo(photos.jpeg(80, 60))
    mark_resized(kept)
    with observe_rows() as rows:
        attempt(kept)
    undone = [row.seen_at for row in rows if not row.is_processed]
    expect(
        not undone,
        "while the task was running again for a resized photo, the row said that the photo was not resized.",
        "Don't reset the row: attach_resized() overwrites the columns once the new file is stored. If you reset the row, "
        "visitors see no picture during the second run, and none afterwards if that run fails.",
        seen_at=undone[0] if undone else "",
        file="images/tasks.py, resize_image_task()",
    )


def test_second_run_keeps_what_others_write(expect_task_keeps_row, photo):
    """If another process changes a resized photo's row during a second run, that change is kept."""
    kept = photo(photos.jpeg(80, 60))
    mark_resized(kept)
    expect_task_keeps_row(kept)


def test_uploads_keep_their_names_apart(upload, queue):
    """Two visitors can upload photos with the same name."""
    from images.models import UploadedImage

    for colour in ("L", "RGB"):
        upload(("IMG_0001.jpg", photos.encoded(photos.scene(400, 300, colour), "JPEG")))
    found = {photo.image.name for photo in UploadedImage.objects.all()}
    expect(
        len(found) == 2,
        "two photos with the same name were uploaded, and the second one overwrote the first.",
        'Set allow_overwrite only for the "resized" storage, where each photo has a separate folder.',
        file=FILE,
    )
