import uuid
import zipfile
from io import BytesIO

import pytest
from django.core.files.storage import storages
from django.urls import resolve, reverse
from PIL import Image

from workshop.checkkit import expect, photos, until

pytestmark = pytest.mark.step("given")


def test_export_zip(post, client, worker, resized_photos):
    """The ZIP file contains every resized photo at screen size."""
    kept = resized_photos(photos.jpeg(2000, 1000), photos.png(), photos.gif())
    url = post("images:export_zip").url
    status = reverse("images:batch_status", args=[resolve(url).kwargs["task_id"]])
    found = until(lambda: (answer := client.get(status).json())["state"] in ("SUCCESS", "FAILURE") and answer)
    expect(
        found and found["state"] == "SUCCESS",
        "the ZIP file was not written.",
        found=found,
        file="images/tasks.py",
    )
    result = found["result"]
    name = result["url"].removeprefix(storages["resized"].base_url)
    with storages["resized"].open(name) as file:
        content = file.read()
    with zipfile.ZipFile(BytesIO(content)) as archive:
        sizes = {each: Image.open(BytesIO(archive.read(each))).size for each in sorted(archive.namelist())}
    one, two, three = (photo.pk for photo in kept)
    expected = {
        f"{one}-photo-1.jpg": (1600, 800),
        f"{two}-photo-2.png": (1000, 750),
        f"{three}-photo-3.jpg": (1000, 750),
    }
    expect(
        sizes == expected and result["photos"] == 3 and result["bytes"] == len(content),
        "the ZIP file does not contain the right photos.",
        expected=expected,
        found=sizes,
        file="images/zip_export.py",
    )
    page = client.get(url).content.decode()
    expect(
        status in page and "batch.js" in page,
        "the ZIP export page does not load batch.js, or it does not contain the task's URL.",
    )


@pytest.mark.parametrize("name", ["images:export_zip", "images:summarize"])
def test_no_photo(client, post, queue, name):
    """If there is no resized photo, no task is sent, and the page says why."""
    page = client.get(post(name).url).content.decode()
    expect(
        "no resized photo" in page and not queue.everything(),
        "there is no resized photo, but either the page did not say so or a task was sent.",
    )


def test_unknown_task(client, app):
    """For an unknown task or group, the view returns the PENDING state and no progress."""
    address = reverse("images:batch_status", args=[uuid.uuid4()])
    for group in ("", uuid.uuid4(), "no-group"):
        found = client.get(address, {"group": group}).json()
        expect(
            found["state"] == "PENDING" and found["progress"] is None,
            "the view returns progress for an unknown task.",
            found=found,
            file="images/results.py",
        )
