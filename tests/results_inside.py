"""What tests/test_results.py runs inside a solution: each function is one test, named on the command line.

Started in the project's folder, with a migrated database. Only the tests of `answers…` need a broker.
"""

import sys
import threading
import uuid
from datetime import datetime
from io import BytesIO
from zipfile import ZipFile


def photo(name="garden.jpg", **columns):
    """An uploaded photo, with these columns written afterwards."""
    from django.core.files.base import ContentFile
    from images.models import UploadedImage

    from workshop.checkkit.photos import jpeg

    made = UploadedImage.objects.create(image=ContentFile(jpeg(80, 60), name), original_bytes=1000)
    UploadedImage.objects.filter(pk=made.pk).update(**columns)
    return fresh(made)


def resized_photo(name="garden.jpg"):
    from images.resizing import resize

    made = photo(name)
    made.attach_resized(resize(made.image.open()), 0.1)
    return fresh(made)


def fresh(made):
    return type(made).objects.get(pk=made.pk)


def queued():
    """The ids of the photos with a message on the queue."""
    import json
    from base64 import b64decode

    from django.conf import settings
    from redis import Redis

    raw = Redis.from_url(settings.REDIS_URL).lrange("celery", 0, -1)
    return [json.loads(b64decode(json.loads(each)["body"]))[0][0] for each in raw]


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
    from django.db import connection
    from django.test import Client
    from django.urls import reverse

    for made in (photo("a.jpg", failure_reason="Something went wrong on our side."), photo("b.jpg")):
        barrier, statuses = threading.Barrier(8), []
        address = reverse("images:try_again", args=[made.pk])

        def click(address=address, barrier=barrier, statuses=statuses):
            visitor = Client()
            barrier.wait()
            statuses.append(visitor.post(address).status_code)
            connection.close()

        threads = [threading.Thread(target=click) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [302] * 8
        assert queued().count(made.pk) == 1, queued()


def a_click_while_messages_are_sent():
    """The broker takes its time, and a second visitor clicks."""
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
    """Started with the address of a broker that is not there."""
    from images.queueing import retry

    made = photo(failure_reason="Something went wrong on our side.")
    for _ in range(2):
        assert retry([fresh(made)])
        assert (fresh(made).state, fresh(made).can_be_retried) == ("unqueued", True)


def resize_again_leaves_waiting_photos_alone():
    from django.core.management import call_command
    from django.utils import timezone
    from images.tasks import resize_again_task

    photo("waiting.jpg", queued_at=timezone.now())
    photo("failed.jpg", failure_reason="damaged")
    done, never_queued = resized_photo(), photo("never-queued.jpg")
    sent = []
    resize_again_task.delay = sent.append
    call_command("resize_again")
    assert sorted(sent) == [done.pk, never_queued.pk]


def a_zip_export_leaves_out_what_is_gone():
    from django.core.files.storage import storages
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
    try:
        with write_zip([fresh(photos[0])], lambda done: None):
            raise AssertionError("an export without its photos")
    except ConnectionError:
        pass


def task_pages():
    """The addresses that answer with what the result backend knows about a task."""
    from django.urls import NoReverseMatch, reverse

    for name, method in (("task_status", "get"), ("task_forget", "post"), ("batch_status", "get")):
        try:
            reverse(f"images:{name}", args=[uuid.uuid4()])
        except NoReverseMatch:
            continue
        yield name, method


def answers_without_a_result_backend():
    """Started with the address of a broker that is not there."""
    from django.test import Client
    from django.urls import reverse

    for name, method in task_pages():
        for query in ("", f"?group={uuid.uuid4()}"):
            answer = getattr(Client(), method)(reverse(f"images:{name}", args=[uuid.uuid4()]) + query)
            assert answer.status_code == 503, (name, answer.status_code)
            assert "doesn't respond" in answer.json()["error"]


def answers_for_every_result():
    """Results that JSON has no type for, and errors."""
    from decimal import Decimal

    from celery.result import AsyncResult
    from django.test import Client
    from django.urls import reverse

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
    """The task ends between any two questions of one request."""
    from celery.result import AsyncResult
    from django.test import Client
    from django.urls import reverse

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


if __name__ == "__main__":
    sys.path[0] = "."  # the project's modules, not those of tests/
    import django

    django.setup()
    import myproject  # noqa: F401  the app that tasks are sent with
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["testserver"]
    globals()[sys.argv[1]]()
