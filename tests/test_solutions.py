"""The solutions as visitors see them: a real site on its own port, and real photos over HTTP."""

import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from html import unescape
from io import BytesIO

import httpx
import pytest
from kombu.transport.redis import Channel
from PIL import Image
from projects import PATIENCE, SOLUTIONS, Project, since

from workshop import paths
from workshop.photos.visitor import Visitor


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of solutions/01-sync."""
    with Project(paths.SOLUTIONS / "01-sync", tmp_path_factory.mktemp("data")).serving() as address:
        yield address


def upload(site, name, content):
    """Upload a photo, and return the page that the visitor sees next."""
    with Visitor(site) as visitor:
        return visitor.upload(name, content).page


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
    page = upload(site, "garden.jpg", jpeg((1600, 1200), orientation=6))
    assert "1 photo resized in" in page.text
    address, picture = resized(site, page)
    assert address.endswith("/garden_resized.jpg")
    assert picture.size == (450, 600)
    assert not picture.getexif()


def test_small_photo_is_not_enlarged(site):
    _, picture = resized(site, upload(site, "small.jpg", jpeg((320, 240))))
    assert picture.size == (320, 240)


def test_text_named_jpg_is_refused_in_words(site):
    page = upload(site, "notes.jpg", b"no picture")
    assert page.status_code == 200
    assert "notes.jpg: this is not a picture that can be read." in page.text


def test_truncated_photo_is_kept_with_the_reason(site):
    content = jpeg()
    page = upload(site, "cut.jpg", content[: len(content) // 2])
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
file = ContentFile(content.getvalue(), "garden.jpg")
photo = UploadedImage.objects.create(image=file, width=1600, height=1200)
photo.attach_resized(resize(content, 800, 600), 0.1)
really = FileSystemStorage._open
FileSystemStorage._open = lambda self, name, mode="rb": (opened.append(name), really(self, name, mode))[1]
row = UploadedImage.objects.get()
print(row.width, row.height, row.resized_width, row.resized_height, opened)
"""


@pytest.mark.parametrize("name", SOLUTIONS)
def test_a_row_is_loaded_without_a_look_into_its_files(name, solution):
    """Otherwise a page of 24 photos would open 24 files, or send 24 requests to the bucket."""
    project = solution(name)
    assert project.shell(LOADED) == "1600 1200 800 600 []"


FAILED_AFTERWARDS = (
    LOADED
    + """
from images.tasks import resize_image_task
for processed, name in (False, ""), (True, row.resized_image.name):
    UploadedImage.objects.update(is_processed=processed, resized_image=name, failure_reason="")
    resize_image_task.on_failure(TimeoutError(), "id", (photo.pk,), {}, None)
    print(UploadedImage.objects.get().failure_reason)
print("-")
"""
)


@pytest.mark.parametrize("name", since("03"))
def test_a_copy_that_fails_says_nothing_of_a_photo_that_is_done(name, solution):
    """The storage is down when a message is redelivered, but the first delivery has resized the photo."""
    project = solution(name)
    _, before, after, *_ = project.shell(FAILED_AFTERWARDS).split("\n")
    assert (before, after) == ("The photo storage doesn't respond. Try again later.", "")


LOOKED_AT = (
    LOADED
    + """
from images.tasks import describe_for_summary_task

def look(error):
    def fail(self, name, mode="rb"):
        raise error
    FileSystemStorage._open = fail
    try:
        print(describe_for_summary_task(photo.pk))
    except Exception as error:
        print("raised", type(error).__name__)

look(OSError("broken data stream"))
look(ConnectionRefusedError(111, "Connection refused"))
look(TimeoutError())
"""
)


@pytest.mark.parametrize("name", since("04"))
def test_a_summary_does_not_call_a_storage_that_is_away_a_damaged_photo(name, solution):
    project = solution(name)
    _, damaged, refused, late = project.shell(LOOKED_AT).split("\n")
    assert "'error': 'OSError: broken data stream'" in damaged
    assert (refused, late) == ("raised ConnectionRefusedError", "raised TimeoutError")


@pytest.mark.parametrize("name", since("04"))
def test_answers_are_kept_until_a_lost_member_of_a_chord_is_back(name, solution):
    project = solution(name)
    code = "from myproject.celery import app; print(int(app.conf.result_expires))"
    looks = Channel.unacked_restore_interval * Channel.unacked_restore_throttle
    assert int(project.shell(code)) > Channel.visibility_timeout + looks + 600, (
        "and ten minutes for the work itself"
    )


WITH_A_RESULT = (
    "/photos/1/describe/",
    "/photos/1/describe-later/",
    "/photos/export-zip/",
    "/photos/summarize/",
)


def test_what_has_a_result_is_not_sent_without_a_broker(solution, no_broker):
    """Each page says so after about 20 seconds. Here they are opened at the same time."""
    project = solution("05-beat", REDIS_URL=no_broker)
    project.shell(LOADED)
    with project.serving() as address, ThreadPoolExecutor() as visitors:
        pages = list(visitors.map(partial(post, address), WITH_A_RESULT))
    for page in pages:
        assert page.status_code == 200, page.url
        assert "This isn't possible right now. Try again later." in unescape(page.text), page.url


def post(address, path):
    with httpx.Client(base_url=address, follow_redirects=True, timeout=PATIENCE) as visitor:
        token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', visitor.get("/upload/").text)[1]
        return visitor.post(path, data={"csrfmiddlewaretoken": token})
