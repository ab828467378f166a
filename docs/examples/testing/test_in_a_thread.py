"""A worker in a thread of the test process (celery.contrib.testing): faster, but less realistic."""

import pytest
from celery.contrib.testing.worker import start_worker
from conftest import SECONDS
from images.tasks import describe_photo_task
from myproject.celery import app


@pytest.fixture(scope="module")
def thread(broker):
    with start_worker(app, perform_ping_check=False):
        yield


@pytest.mark.django_db(transaction=True)
def test_a_thread_finds_what_is_committed(make_photo, thread):
    assert describe_photo_task.delay(make_photo().pk).get(timeout=SECONDS)["size"] == [1600, 1200]
