import difflib
import inspect
import json
import logging
import os

import pytest
from kombu import Connection

from workshop.checkkit import complain, expect, photos
from workshop.checkkit.celery_app import expect_known_settings, sending_to
from workshop.checkkit.process import start_python
from workshop.system.ports import free_port

pytestmark = pytest.mark.step("3.8")

VIEW = "images/queueing.py, enqueue()"
SETTINGS = "myproject/settings.py"
NAMES = [f"garden-{number}.jpg" for number in range(1, 13)]
LONG = 5
"""A view that waits longer than this (in seconds) fails the check. With Celery's defaults, the wait is about 19 seconds."""

RESULT = (
    "Celery contacts the result backend before it sends a task that stores a result. The result backend is on the same "
    "server as the broker, so Celery keeps trying for 19 seconds. ignore_result=True avoids this wait."
)
# `waits` contains only the time that the view spent waiting. On a busy machine, computing takes longer than its CPU
# time, so `slower` is measured before the upload, and that computing time is subtracted. A wait of 5 to 15 seconds may
# still be the machine's fault, so the upload is repeated: if the code causes the wait, every upload is slow.
VISITOR = """
import json, os, sys, time
started, computed = time.monotonic(), time.process_time()
import django
django.setup()
from django.test import Client
from django.test.utils import setup_test_environment
from django.core.files.uploadedfile import SimpleUploadedFile
setup_test_environment()
photo = open(sys.argv[1], "rb").read()
client = Client(raise_request_exception=False)
client.get("/")
slower = max(1, (time.monotonic() - started) / (time.process_time() - computed))
waits = []
while not waits or (5 <= waits[-1] < 15 and len(waits) < 3 and response.status_code == 302):
    if waits:
        from images.models import UploadedImage
        UploadedImage.objects.all().delete()
    files = [SimpleUploadedFile(name, photo) for name in sys.argv[2:]]
    started, computed = time.monotonic(), time.process_time()
    response = client.post("/upload/", {"images": files})
    waits.append(max(0, time.monotonic() - started - slower * (time.process_time() - computed)))
seconds = min(waits)
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
def answer(project_database, tmp_path_factory):
    """Upload photos to a site that was started while no broker was running, and return the response."""
    file = tmp_path_factory.mktemp("photos") / "garden.jpg"
    file.write_bytes(photos.jpeg(80, 60))
    environment = {"REDIS_URL": f"redis://localhost:{free_port()}/0"}
    if "CELERY_BROKER_URL" in os.environ:
        environment["CELERY_BROKER_URL"] = f"amqp://guest:guest@localhost:{free_port()}//"
    visitor = start_python(VISITOR, str(file), *NAMES, **environment)
    code = visitor.wait(60)
    visitor.stop()
    if code is None:
        complain(
            f"without a broker, the view did not respond to an upload of {len(NAMES)} photos within 60 seconds.",
            f"The view waits for the broker once per photo. Put the try around the whole loop, so that the other photos are "
            f"skipped after the first error. {RESULT} If your machine is very busy, run the check again.",
            file=VIEW,
        )
    if code:
        complain(
            "the site does not start without a broker. Fix the exception.",
            says=visitor.log.strip().splitlines()[-1],
        )
    answer = json.loads(visitor.log.splitlines()[-1])
    from images.models import UploadedImage

    answer["kept"] = list(UploadedImage.objects.order_by("pk"))
    return answer


def test_settings():
    """Celery recognizes the names of the settings."""
    expect_known_settings(
        "publish",
        "retry_policy",
        "transport_option",
        expected="CELERY_TASK_PUBLISH_RETRY_POLICY and CELERY_BROKER_TRANSPORT_OPTIONS",
        file=SETTINGS,
    )


def test_retry_policy(app):
    """The policy for sending a message contains only options that Kombu recognizes."""
    known = inspect.signature(Connection.ensure).parameters
    for name in app.conf.task_publish_retry_policy or {}:
        expect(
            name in known,
            f"CELERY_TASK_PUBLISH_RETRY_POLICY contains {name}, so sending a task raises a TypeError.",
            f"{name} is an option of the connection, such as socket_connect_timeout, so move it to "
            "CELERY_BROKER_TRANSPORT_OPTIONS."
            if "timeout" in name or name.startswith("socket")
            else f"{name} is not an option of a retry policy: check its spelling.",
            expected="max_retries, interval_start, interval_step or interval_max",
            file=SETTINGS,
        )


def test_answers(answer):
    """Without a broker, the upload view responds quickly."""
    kind = answer["error"].partition(":")[0]
    if kind == "builtins.RuntimeError":
        why = f"This exception is not Kombu's OperationalError. {RESULT}"
    elif kind.startswith("kombu"):
        why = (
            "delay() raises this exception after the commit, and nothing catches it there. Check your import, too: "
            "Django's OperationalError is a different exception, for databases."
        )
    else:
        why = ""
    expect(
        answer["status"] == 302,
        f"without a broker, the visitor gets an error page ({answer['status']}).",
        why,
        exception=answer["error"] or "none",
        waited=f"{answer['seconds']:.1f} s",
        file=VIEW,
    )
    expect(
        answer["seconds"] < LONG,
        f"without a broker, the view waited for {answer['seconds']:.0f} seconds.",
        f"The task stores a result. {RESULT}"
        if answer["seconds"] > 15
        else "Celery retries while the visitor waits. CELERY_TASK_PUBLISH_RETRY_POLICY sets the number of retries. The "
        "connection itself also retries, as configured in CELERY_BROKER_TRANSPORT_OPTIONS (max_retries, "
        "interval_start). After the first error, skip the other photos. If your machine is very busy, "
        "run the check again.",
        file=SETTINGS,
    )


def test_silent_broker(app):
    """The view waits only briefly for a broker that doesn't refuse connections but doesn't respond either."""
    with app.connection_for_write() as connection:
        if connection.transport.driver_type != "redis":
            return
        channel = connection.default_channel
        known = channel.from_transport_options
        for name in set(connection.transport_options) - set(known):
            similar = difflib.get_close_matches(name, known, 1, 0.85)
            expect(
                not similar,
                f"CELERY_BROKER_TRANSPORT_OPTIONS contains {name}, which Kombu ignores. "
                f"Did you mean {', '.join(similar)}?",
                file=SETTINGS,
            )
        reply, connect = channel.socket_timeout, channel.socket_connect_timeout or channel.socket_timeout
    expect(
        connect and connect <= LONG,
        "if the broker's machine is off, the upload view waits too long for a connection.",
        "A machine that is off doesn't refuse a connection, so without socket_connect_timeout, the view waits until the "
        "operating system gives up. Set socket_connect_timeout in CELERY_BROKER_TRANSPORT_OPTIONS.",
        expected='"socket_connect_timeout": 0.5',
        found=f"{connect} seconds" if connect else "no limit",
        file=SETTINGS,
    )
    expect(
        reply and reply <= LONG,
        "if the broker accepts a connection but does not reply, the upload view waits too long.",
        "A broker that hangs never replies, so without socket_timeout, the view waits for it forever. Set "
        "socket_timeout in CELERY_BROKER_TRANSPORT_OPTIONS.",
        expected='"socket_timeout": 5',
        found=f"{reply} seconds" if reply else "no limit",
        file=SETTINGS,
    )


def test_photos_are_kept(answer):
    """The photos are saved and marked as not queued."""
    expect(
        [photo.name for photo in answer["kept"]] == NAMES,
        "the photos that were uploaded while the broker was down are lost.",
        "The photos were already saved. If no message can be sent, don't delete the photos: catch the exception and log a warning.",
        found=f"{len(answer['kept'])} of {len(NAMES)} saved",
        file="images/queueing.py, save_and_enqueue()",
    )
    states = {photo.state for photo in answer["kept"]}
    expect(
        states == {"unqueued"},
        "no message was sent, but the photos are marked as failed."
        if "failed" in states
        else "no message was sent, but the photos are marked as waiting for a worker.",
        "Nothing is wrong with the photos. A photo without queued_at and without a failure_reason can be queued later, so "
        "only log a warning."
        if "failed" in states
        else "Call mark_queued() only after the message has been sent.",
        expected="unqueued",
        found=", ".join(states),
        file=VIEW,
    )


def test_says_so(answer):
    """The page says that the photos are saved but cannot be resized right now."""
    expect(
        "cannot be resized" in answer["page"],
        "the page does not say that the photos are saved but cannot be resized right now.",
        file="images/views.py, add_upload_messages()",
    )


def test_a_bug_is_not_an_outage(app, task, upload, monkeypatch, caplog):
    """If a task can't be sent because of a bug in the code, the view does not say that the broker is down."""

    def fail(*args, **kwargs):
        raise TypeError("a bug in the code")

    monkeypatch.setattr(app.amqp, "send_task_message", fail)
    raised = None
    try:
        upload(("garden.jpg", photos.jpeg(80, 60)), follow=False)
    except Exception as error:
        raised = error
    expect(
        raised or any(record.exc_info for record in caplog.records),
        "delay() raised a TypeError because of a bug in the code, but the view treated it as a broker that is down.",
        "You would look for the error in the broker, because there is no traceback. Catch only the exception that delay() "
        "raises if the broker is down, which is Kombu's OperationalError.",
        raised="TypeError: a bug in the code",
        file=VIEW,
    )


def test_after_the_outage(app, upload, queue, caplog):
    """A failure to send tasks is logged. When the broker is running again, the same process queues the next upload."""
    with sending_to(app, f"redis://localhost:{free_port()}/0"):
        upload(("garden.jpg", photos.jpeg(80, 60)), follow=False)
    expect(
        any(record.levelno >= logging.WARNING for record in caplog.records),
        "no message could be sent, but your code didn't log a warning.",
        "Without a log line, nobody learns that the broker was down. Where you catch OperationalError, call logger.warning().",
        file=VIEW,
    )
    upload(("garden.jpg", photos.jpeg(80, 60)))
    expect(
        queue.messages(),
        "a photo was uploaded while the broker was running, but no task was sent, because the broker had been down during "
        "the previous upload.",
        "enqueue() must try to send tasks for every upload. Don't keep a flag that says that the broker was down, because "
        "nothing resets the flag.",
        expected="a message in the queue",
        found="none",
        file=VIEW,
    )


def test_with_broker_they_are_queued(upload, queue):
    """With a broker, the photos are marked as queued, and the page shows no warning."""
    from images.models import UploadedImage

    page = upload(*((name, photos.jpeg(80, 60)) for name in NAMES[:2])).content.decode()
    states = sorted(photo.state for photo in UploadedImage.objects.all())
    expect(
        states != ["unqueued", "waiting"],
        "a task was sent for each of two photos, but only one of them is marked as waiting.",
        "Call mark_queued() inside the loop, right after delay(), so that it runs for each photo.",
        expected="waiting, waiting",
        found=", ".join(states),
        file=VIEW,
    )
    found = states[0]
    expect(
        found == "waiting",
        "the task was sent, but the photo is not marked as waiting. Call mark_queued() after delay().",
        expected="waiting",
        found=found,
        file=VIEW,
    )
    expect(
        "cannot be resized" not in page,
        "the task was sent, but the page says that the photo cannot be resized right now.",
        "add_upload_messages() reads the state of each photo. If the whole view runs in a transaction, the tasks are sent "
        "only after the view returns, so make the transaction smaller.",
        file="images/views.py, upload()",
    )


def test_view_keeps_what_a_worker_writes(expect_view_keeps_row):
    """With a broker, the worker's result is kept if the worker finishes before the view does."""
    expect_view_keeps_row()
