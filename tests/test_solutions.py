"""The solutions as a visitor meets them: the real site on its own port, real photos over HTTP."""

import os
import re
import subprocess
import sys
import time
from io import BytesIO

import httpx
import pytest
from PIL import Image

from workshop import paths
from workshop.ports import free_port


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of solutions/01-sync, migrated and serving."""
    folder = paths.SOLUTIONS / "01-sync"
    environment = os.environ | {"DATA_DIR": str(tmp_path_factory.mktemp("data"))}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "migrate", "-v0"], cwd=folder, env=environment, check=True)
    port = free_port()
    server = subprocess.Popen(
        [*manage, "runserver", "--noreload", str(port)],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://localhost:{port}"
    try:
        deadline = time.monotonic() + 30
        while True:
            assert server.poll() is None, "the site ended before it answered"
            assert time.monotonic() < deadline, "the site did not answer"
            try:
                httpx.get(address)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield address
    finally:
        server.terminate()
        server.wait(10)


def upload(site, *files):
    with httpx.Client(base_url=site, follow_redirects=True, timeout=60) as visitor:
        token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', visitor.get("/upload/").text)[1]
        return visitor.post(
            "/upload/",
            data={"csrfmiddlewaretoken": token},
            files=[("images", file) for file in files],
        )


def jpeg(size=(1600, 1200), orientation=None):
    content, exif = BytesIO(), Image.Exif()
    if orientation:
        exif[0x0112] = orientation
        exif.get_ifd(0x8825)[1] = "N"  # a GPS block
    Image.effect_noise(size, 60).convert("RGB").save(content, "JPEG", exif=exif)
    return content.getvalue()


def resized(site, page):
    address = re.search(r'src="(/media/resized/[^"]+)"', page.text)[1]
    return address, Image.open(BytesIO(httpx.get(site + address).content))


def test_photo_is_resized_turned_and_without_gps(site):
    page = upload(site, ("garden.jpg", jpeg((1600, 1200), orientation=6)))
    assert "1 photo resized in" in page.text
    address, picture = resized(site, page)
    assert address.endswith("/garden_resized.jpg")
    assert picture.size == (450, 600)
    assert not picture.getexif()


def test_small_photo_is_not_enlarged(site):
    _, picture = resized(site, upload(site, ("small.jpg", jpeg((320, 240)))))
    assert picture.size == (320, 240)


def test_text_named_jpg_is_refused_in_words(site):
    page = upload(site, ("notes.jpg", b"no picture"))
    assert page.status_code == 200
    assert "notes.jpg: this is not a picture that can be read." in page.text


def test_truncated_photo_is_kept_with_the_reason(site):
    content = jpeg()
    page = upload(site, ("cut.jpg", content[: len(content) // 2]))
    assert "cut.jpg: This picture is damaged or cut short." in page.text
    assert 'data-state="failed"' in page.text


LOADED = """
import io
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from images.models import UploadedImage
from images.resizing import resize
from PIL import Image

content, opened = io.BytesIO(), []
Image.new("RGB", (1600, 1200)).save(content, "JPEG")
photo = UploadedImage.objects.create(image=ContentFile(content.getvalue(), "garden.jpg"))
photo.attach_resized(resize(content, 800, 600), 0.1)
really = FileSystemStorage._open
FileSystemStorage._open = lambda self, name, mode="rb": (opened.append(name), really(self, name, mode))[1]
row = UploadedImage.objects.get()
print(row.width, row.height, row.resized_width, row.resized_height, opened)
"""


@pytest.mark.parametrize("name", sorted(folder.name for folder in paths.SOLUTIONS.glob("[0-9]*")))
def test_a_row_is_loaded_without_a_look_into_its_files(name, tmp_path):
    """A page of 24 photos would open 24 files, and with a bucket ask it 24 times."""
    environment = os.environ | {"DATA_DIR": str(tmp_path)}
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "migrate", "-v0"], cwd=paths.SOLUTIONS / name, env=environment, check=True)
    done = subprocess.run(
        [*manage, "shell", "-v0", "-c", LOADED],
        cwd=paths.SOLUTIONS / name,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "1600 1200 800 600 []"
