import json
import os
import subprocess
import sys

import pytest

from workshop.checkkit import complain, expect, photos
from workshop.ports import free_port

pytestmark = pytest.mark.step("3.8")

VIEW = "images/views.py, enqueue()"
SETTINGS = "myproject/settings.py"
LONG = 5
"""Seconds. With Celery's own settings it takes about 19, with the ones of this step less than one."""

VISITOR = """
import json, os, sys, time
import django
django.setup()
from django.test import Client
from django.test.utils import setup_test_environment
from django.core.files.uploadedfile import SimpleUploadedFile
setup_test_environment()
photo = open(sys.argv[1], "rb").read()
files = [SimpleUploadedFile(name, photo) for name in ("garden.jpg", "sea.jpg")]
client = Client(raise_request_exception=False)
began = time.monotonic()
response = client.post("/upload/", {"images": files})
seconds = time.monotonic() - began
error = getattr(response, "exc_info", None)
page = client.get("/").content.decode() if response.status_code == 302 else ""
print(json.dumps({
    "status": response.status_code,
    "seconds": seconds,
    "page": page,
    "error": f"{error[0].__module__}.{error[0].__name__}: {error[1]}" if error else "",
}))
"""


@pytest.fixture(scope="module")
def answer(_database, tmp_path_factory):
    """What a visitor gets for an upload while there is no broker, in a site that was started without one."""
    file = tmp_path_factory.mktemp("photos") / "garden.jpg"
    file.write_bytes(photos.jpeg(800, 600))
    environment = os.environ | {"REDIS_URL": f"redis://localhost:{free_port()}/0"}
    try:
        run = subprocess.run(
            [sys.executable, "-c", VISITOR, str(file)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=40,
        )
    except subprocess.TimeoutExpired:
        complain("without a broker the upload page did not answer in 40 seconds.", file=SETTINGS)
    if run.returncode:
        complain("the site does not start without a broker.", says=run.stderr.strip().splitlines()[-1])
    answer = json.loads(run.stdout.splitlines()[-1])
    from images.models import UploadedImage

    answer["kept"] = list(UploadedImage.objects.order_by("pk"))
    return answer


def test_answers(answer):
    """Without a broker the upload page answers, and soon."""
    why = "Catch Kombu's OperationalError around the loop."
    if "RuntimeError" in answer["error"]:
        why = (
            "This is not OperationalError: it comes from the result backend, which is asked for every task whose "
            "result is kept, and here it is gone with the broker. ignore_result=True leaves it out."
        )
    elif answer["error"].startswith("kombu"):
        why += (
            " Django has an OperationalError of its own, for databases."
            if "import" in answer["error"]
            else ""
        )
    expect(
        answer["status"] == 302,
        f"without a broker the visitor gets an error page ({answer['status']}).",
        why,
        exception=answer["error"] or "none",
        took=f"{answer['seconds']:.1f} s",
        file=VIEW,
    )
    expect(
        answer["seconds"] < LONG,
        f"without a broker the page took {answer['seconds']:.0f} seconds.",
        "Celery tries to send again and again while the visitor waits. CELERY_TASK_PUBLISH_RETRY_POLICY says how "
        "often; and after the first photo has failed, the others need not be tried.",
        file=SETTINGS,
    )


def test_photos_are_kept(answer):
    """The photos are kept, and known as not queued."""
    expect(
        [photo.name for photo in answer["kept"]] == ["garden.jpg", "sea.jpg"],
        "the photos that were uploaded without a broker are lost.",
        found=f"{len(answer['kept'])} of 2 kept",
        file="images/views.py, save_and_enqueue()",
    )
    states = [photo.state for photo in answer["kept"]]
    expect(
        states == ["unqueued", "unqueued"],
        "no message was sent, and the photos say that they are waiting for a worker.",
        "mark_queued() only after the message is on the broker.",
        expected="unqueued",
        found=", ".join(states),
        file=VIEW,
    )


def test_says_so(answer):
    """The visitor reads that the photos are kept and not resized for now."""
    expect(
        "kept" in answer["page"],
        "the visitor does not learn that the photos are kept but cannot be resized now.",
        file="images/views.py, report()",
    )


def test_with_broker_they_are_queued(upload, queue):
    """With a broker they are marked as queued."""
    from images.models import UploadedImage

    upload(("garden.jpg", photos.jpeg()))
    found = UploadedImage.objects.get().state
    expect(
        found == "waiting",
        "the task was sent, and the photo does not say that it is waiting.",
        expected="waiting",
        found=found,
        file=VIEW,
    )
