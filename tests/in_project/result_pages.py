"""Called by tests/test_result_pages.py inside a solution: each function without arguments is one test."""

import tempfile
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from zipfile import ZipFile

import pytest
from celery.result import AsyncResult
from django.core.files.storage import storages
from django.core.management import call_command
from django.db import connection
from django.test import Client, override_settings
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from photos import fresh, photo, queued, resized_photo


def two_clicks_send_one_message():
    """Both requests have read the row before one of them writes."""
    from images.queueing import retry

    for made in (photo("a.jpg", failure_reason="Something went wrong on our side."), photo("b.jpg")):
        first, second = fresh(made), fresh(made)
        assert [each.pk for each in retry([first])] == [made.pk]
        assert retry([second]) == []
        assert retry([fresh(made)]) == []
        assert queued().count(made.pk) == 1
        assert fresh(made).state == "waiting"


def many_clicks_at_once_send_one_message():
    for made in (photo("a.jpg", failure_reason="Something went wrong on our side."), photo("b.jpg")):
        barrier = threading.Barrier(8)
        address = reverse("images:try_again", args=[made.pk])

        def click(_, address=address, barrier=barrier):
            visitor = Client()
            barrier.wait()
            try:
                return visitor.post(address).status_code
            finally:
                connection.close()

        with ThreadPoolExecutor(8) as threads:
            statuses = list(threads.map(click, range(8)))
        assert statuses == [302] * 8
        assert queued().count(made.pk) == 1, queued()


def a_click_while_messages_are_sent():
    """While a message is being sent, a second visitor clicks."""
    from images import queueing

    made, other = photo("a.jpg"), fresh(photo("b.jpg"))
    send = queueing.resize_image_task.delay
    calls = []

    def slow(image_id):
        calls.append(image_id)
        if len(calls) == 1:
            assert queueing.retry([fresh(made), fresh(other)]) == []
        return send(image_id)

    queueing.resize_image_task.delay = slow
    queueing.retry([made, other])
    assert sorted(queued()) == [made.pk, other.pk]


def a_click_without_a_broker_can_be_repeated():
    """The test starts this with an address at which no broker runs."""
    from images.queueing import retry

    made = photo(failure_reason="Something went wrong on our side.")
    for _ in range(2):
        assert retry([fresh(made)])
        assert (fresh(made).state, fresh(made).can_be_retried) == ("unqueued", True)


def resize_again_leaves_waiting_photos_alone():
    from images.tasks import resize_again_task

    photo("waiting.jpg", queued_at=timezone.now())
    photo("failed.jpg", failure_reason="damaged")
    done, never_queued = resized_photo(), photo("never-queued.jpg")
    sent = []
    resize_again_task.delay = sent.append
    call_command("resize_again")
    assert sorted(sent) == [done.pk, never_queued.pk]


def a_zip_export_leaves_out_what_is_gone():
    from images.tasks import export_zip_task
    from images.zip_export import write_zip

    whole, no_file, damaged, no_row = (resized_photo(f"{name}.jpg") for name in "abcd")
    image_ids = [made.pk for made in (whole, no_file, damaged, no_row)]
    no_file.image.storage.delete(no_file.image.name)
    with damaged.image.storage.open(damaged.image.name, "wb") as file:
        file.write(b"no picture")
    no_row.delete()

    export_zip_task.update_state = lambda **state: None
    export_zip_task.push_request(id="task")
    result = export_zip_task.run(image_ids)
    assert (result["photos"], result["left_out"]) == (1, 3), result
    with storages["resized"].open("exports/task.zip") as file, ZipFile(BytesIO(file.read())) as archive:
        assert archive.namelist() == [f"{whole.pk}-a.jpg"]

    # A photo is deleted in the middle of the export.
    photos = [resized_photo("e.jpg"), resized_photo("f.jpg")]
    with write_zip(
        photos, lambda done: done or photos[1].image.storage.delete(photos[1].image.name)
    ) as found:
        file, written = found
        assert (written, ZipFile(file).namelist()) == (1, [f"{photos[0].pk}-e.jpg"])

    # A storage that doesn't respond says nothing about the photos.
    def broken(*arguments):
        raise ConnectionError

    photos[0].image.storage.open = broken
    with pytest.raises(ConnectionError), write_zip([fresh(photos[0])], lambda done: None):
        pass


def a_zip_export_uses_the_folder_for_uploads(folder):
    from images.zip_export import write_zip

    tempfile.tempdir = f"{folder}/missing"
    with (
        override_settings(FILE_UPLOAD_TEMP_DIR=folder),
        write_zip([resized_photo()], lambda done: None) as (file, written),
    ):
        assert (written, len(ZipFile(file).namelist())) == (1, 1)


def task_pages():
    """Yield the name and the method of each URL that answers with the result of a task."""
    for name, method in (("task_status", "get"), ("task_forget", "post"), ("batch_status", "get")):
        try:
            reverse(f"images:{name}", args=[uuid.uuid4()])
        except NoReverseMatch:
            continue
        yield name, method


def answers_without_a_result_backend():
    """The test starts this with an address at which no broker runs."""
    for name, method in task_pages():
        for query in ("", f"?group={uuid.uuid4()}"):
            answer = getattr(Client(), method)(reverse(f"images:{name}", args=[uuid.uuid4()]) + query)
            assert answer.status_code == 503, (name, answer.status_code)
            assert "doesn't respond" in answer.json()["error"]


def answers_for_every_result():
    """Also for results that JSON has no type for, and for errors."""
    results = [
        b"2026",
        b"\xff\xfe",
        datetime(2026, 1, 1),
        Decimal("1.5"),
        uuid.uuid4(),
        {"a": [b"x"]},
        None,
        "text",
    ]
    for result in results:
        task_id = str(uuid.uuid4())
        AsyncResult(task_id).backend.store_result(task_id, result, "SUCCESS")
        for name in ("task_status", "batch_status"):
            answer = Client().get(reverse(f"images:{name}", args=[task_id]))
            assert (answer.status_code, answer.json()["state"]) == (200, "SUCCESS"), (name, result)
    for state in ("FAILURE", "RETRY", "REVOKED"):
        task_id = str(uuid.uuid4())
        AsyncResult(task_id).backend.store_result(task_id, ValueError("cut short"), state)
        for name in ("task_status", "batch_status"):
            answer = Client().get(reverse(f"images:{name}", args=[task_id])).json()
            assert (answer["state"], answer["result"]) == (state, None)


def answers_while_the_task_ends():
    """The task ends between any two queries that one request sends to the result backend."""
    for end, state in ((ValueError("cut short"), "FAILURE"), (b"\xff", "SUCCESS"), (None, "SUCCESS")):
        for after in range(1, 6):
            task_id = str(uuid.uuid4())
            backend = AsyncResult(task_id).backend
            backend.store_result(task_id, {"done": 1, "total": 2}, "PROGRESS")
            ask, asked = backend.get_task_meta, []

            def ends(
                *arguments, ask=ask, asked=asked, after=after, backend=backend, task_id=task_id, **options
            ):
                found = ask(*arguments, **options)
                asked.append(found)
                if len(asked) == after:
                    backend.store_result(task_id, end, state)  # noqa: B023 - called in this round
                return found

            backend.get_task_meta = ends
            try:
                answer = Client().get(reverse("images:batch_status", args=[task_id]))
            finally:
                del backend.get_task_meta
            assert answer.status_code == 200, (end, after)
            assert answer.json()["state"] in ("PROGRESS", state)
