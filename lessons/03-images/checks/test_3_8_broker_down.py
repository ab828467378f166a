import json
import os
from pathlib import Path

import pytest

from workshop.checkkit import complain, expect, photos
from workshop.checkkit.worker import Code
from workshop.ports import free_port

pytestmark = pytest.mark.step("3.8")

VIEW = "images/queueing.py, enqueue()"
SETTINGS = "myproject/settings.py"
NAMES = [f"garden-{number}.jpg" for number in range(1, 13)]
LONG = 5
"""Seconds of waiting. With Celery's own settings it is about 19, with the ones of this step less than one."""

RESULT = (
    "the result backend is asked for every task whose result is kept; it is gone with the broker here, and takes "
    "19 seconds to say so. ignore_result=True leaves it out."
)
# On a busy machine computing takes long, too. How much longer than its CPU time, the time before the upload tells.
VISITOR = """
import json, os, sys, time
began, computed = time.monotonic(), time.process_time()
import django
django.setup()
from django.test import Client
from django.test.utils import setup_test_environment
from django.core.files.uploadedfile import SimpleUploadedFile
setup_test_environment()
photo = open(sys.argv[1], "rb").read()
files = [SimpleUploadedFile(name, photo) for name in sys.argv[2:]]
client = Client(raise_request_exception=False)
client.get("/")
slower = max(1, (time.monotonic() - began) / (time.process_time() - computed))
began, computed = time.monotonic(), time.process_time()
response = client.post("/upload/", {"images": files})
seconds = max(0, time.monotonic() - began - slower * (time.process_time() - computed))
error = getattr(response, "exc_info", None)
page = client.get("/").content.decode() if response.status_code == 302 else ""
print(json.dumps({
    "status": response.status_code,
    "seconds": seconds,
    "page": page,
    "error": " ".join(f"{error[0].__module__}.{error[0].__name__}: {error[1]}".split()) if error else "",
}))
"""


@pytest.fixture(scope="module")
def answer(_database, tmp_path_factory):
    """What a visitor gets for an upload while there is no broker, in a site that was started without one."""
    file = tmp_path_factory.mktemp("photos") / "garden.jpg"
    file.write_bytes(photos.jpeg(80, 60))
    environment = {"REDIS_URL": f"redis://localhost:{free_port()}/0"}
    if "CELERY_BROKER_URL" in os.environ:
        environment["CELERY_BROKER_URL"] = f"amqp://guest:guest@localhost:{free_port()}//"
    visitor = Code(Path.cwd())
    visitor.start(VISITOR, str(file), *NAMES, **environment)
    code = visitor.wait(40)
    visitor.stop()
    if code is None:
        complain(
            f"without a broker the page did not answer to an upload of {len(NAMES)} photos in 40 seconds.",
            f"Every photo waits for the broker, and where the task keeps a result, {RESULT} After the first photo "
            "has failed, the others need not be tried.",
            file=VIEW,
        )
    if code:
        complain("the site does not start without a broker.", says=visitor.log.strip().splitlines()[-1])
    answer = json.loads(visitor.log.splitlines()[-1])
    from images.models import UploadedImage

    answer["kept"] = list(UploadedImage.objects.order_by("pk"))
    return answer


def test_answers(answer):
    """Without a broker the upload page answers, and soon."""
    kind = answer["error"].partition(":")[0]
    if kind == "builtins.RuntimeError":
        why = f"This is not Kombu's OperationalError: {RESULT}"
    elif kind.startswith("kombu"):
        why = (
            "Nothing catches it where it is raised: at delay(), which on_commit calls behind the transaction. Look at "
            "the import, too: Django has an OperationalError of its own, for databases."
        )
    else:
        why = ""
    expect(
        answer["status"] == 302,
        f"without a broker the visitor gets an error page ({answer['status']}).",
        why,
        exception=answer["error"] or "none",
        waited=f"{answer['seconds']:.1f} s",
        file=VIEW,
    )
    expect(
        answer["seconds"] < LONG,
        f"without a broker the page waited {answer['seconds']:.0f} seconds.",
        f"The task keeps a result: {RESULT}"
        if answer["seconds"] > 15
        else "Celery tries again while the visitor waits. CELERY_TASK_PUBLISH_RETRY_POLICY says how often; without "
        "any retry of a message it is the connection that tries, as CELERY_BROKER_TRANSPORT_OPTIONS say "
        "(max_retries, interval_start). And when the first photo has failed, the others need not be tried.",
        file=SETTINGS,
    )


def test_photos_are_kept(answer):
    """The photos are kept, and known as not queued."""
    expect(
        [photo.name for photo in answer["kept"]] == NAMES,
        "the photos that were uploaded without a broker are lost.",
        "They were on the disk and in the database. That no message could be sent now is no reason to throw away "
        "what the visitor gave you.",
        found=f"{len(answer['kept'])} of {len(NAMES)} kept",
        file="images/queueing.py, save_and_enqueue()",
    )
    states = {photo.state for photo in answer["kept"]}
    expect(
        states == {"unqueued"},
        "no message was sent, and the photos say that they are waiting for a worker.",
        "mark_queued() only after the message is on the broker.",
        expected="unqueued",
        found=", ".join(states),
        file=VIEW,
    )


def test_says_so(answer):
    """The visitor reads that the photos are saved but cannot be resized right now."""
    expect(
        "cannot be resized" in answer["page"],
        "the visitor does not learn that the photos are saved but cannot be resized right now.",
        file="images/views.py, add_upload_messages()",
    )


def test_with_broker_they_are_queued(upload, queue):
    """With a broker they are marked as queued, and nobody is warned."""
    from images.models import UploadedImage

    page = upload(("garden.jpg", photos.jpeg(80, 60))).content.decode()
    found = UploadedImage.objects.get().state
    expect(
        found == "waiting",
        "the task was sent, and the photo does not say that it is waiting.",
        expected="waiting",
        found=found,
        file=VIEW,
    )
    expect(
        "cannot be resized" not in page,
        "the task was sent, but the visitor reads that the photo cannot be resized right now.",
        "add_upload_messages() asks for the photos' state. When the whole view is a transaction, the tasks are sent "
        "after it.",
        file="images/views.py, upload()",
    )
