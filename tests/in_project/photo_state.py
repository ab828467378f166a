"""Called by tests/test_photo_state.py inside a solution: each function without arguments is one test."""

import contextlib
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from html import unescape
from unittest.mock import patch

from django.apps import apps
from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from images.models import UploadedImage
from photos import client_of, fresh, photo, queued, resized_photo

from workshop.checkkit.photo_rows import mark_resized

HAS_CELERY_STATES = hasattr(UploadedImage, "queued_at")
HAS_REPORT = apps.is_installed("upkeep")
ROW = ("is_processed", "resized_image", "resize_seconds", "failure_reason")
CONTRADICTIONS = (
    {"is_processed": True},
    {"is_processed": True, "resize_seconds": 0.1},
    {"is_processed": True, "resized_image": "resized/0/a.jpg"},
)
"""Changes of a waiting photo's columns that the database has to refuse."""
CONTRADICTIONS_OF_RESIZED = (
    {"resized_image": ""},
    {"resize_seconds": None},
    {"failure_reason": "This picture is damaged or cut short."},
)
"""The same for a resized photo."""


def columns(made):
    return type(made).objects.filter(pk=made.pk).values(*ROW).get()


def files(made):
    """Return the names of the photo's files that exist."""
    fields = (made.image, made.resized_image)
    return [field.name for field in fields if field and field.storage.exists(field.name)]


def refuses(made, change):
    try:
        with transaction.atomic():
            type(made).objects.filter(pk=made.pk).update(**change)
    except IntegrityError:
        return True
    return False


def pages_answer(made):
    """Open all pages that show the photo, and in lesson 05 the report of its day."""
    visitor = Client()
    shown = fresh(made).state.label
    for address in ("/", f"/photos/{made.pk}/"):
        answer = visitor.get(address)
        assert answer.status_code == 200, (address, answer.status_code, columns(made))
        assert f'<span class="chip">{shown}</span>' in answer.content.decode(), (address, shown)
    if HAS_CELERY_STATES:
        answer = visitor.get("/photos/states/", {"ids": made.pk})
        assert answer.status_code == 200, columns(made)
        found = answer.json()["photos"][0]
        assert (found["state"], found["pending"]) == (fresh(made).state, fresh(made).is_pending), found
    if HAS_REPORT:
        from upkeep import reporting

        day = made.uploaded_at.astimezone(reporting.zone()).date()
        reporting.message(day, "ana@example.com")


def the_database_refuses_contradictions():
    for waits, changes in ((photo(), CONTRADICTIONS), (resized_photo(), CONTRADICTIONS_OF_RESIZED)):
        before = columns(waits)
        for change in changes:
            assert refuses(waits, change), change
            assert columns(waits) == before
            pages_answer(waits)


def each_possible_row_has_a_page():
    """Try every combination of the columns: the database refuses it, or the pages show it."""
    made = resized_photo()
    rows = type(made).objects.filter(pk=made.pk)
    choices = {
        "is_processed": (True, False),
        "resized_image": (made.resized_image.name, ""),
        "resize_seconds": (0.1, None),
        "failure_reason": ("", "This picture is damaged or cut short."),
        "uploaded_at": (made.uploaded_at,),
    }
    if HAS_CELERY_STATES:
        choices["queued_at"] = (None, made.uploaded_at + timedelta(seconds=1))
    if HAS_REPORT:
        choices["resized_at"] = (None, made.uploaded_at + timedelta(seconds=2))
    states = set()
    for values in itertools.product(*choices.values()):
        change = dict(zip(choices, values, strict=True))
        if refuses(made, change):
            continue
        now = fresh(made)
        states.add(now.state)
        pages_answer(made)
        if hasattr(rows, "resized"):
            assert rows.resized().exists() == (now.state == now.State.RESIZED), change
        if hasattr(rows, "pending"):
            assert rows.pending().exists() == now.is_pending, change
    assert states == set(made.State), states


def the_admin_changes_no_column():
    client = client_of("ana", is_staff=True, is_superuser=True)
    listed = client.get("/admin/images/uploadedimage/")
    assert listed.status_code == 200
    assert client.get("/admin/images/uploadedimage/add/").status_code == 403
    for made in (photo(), resized_photo(), photo(failure_reason="This picture is damaged or cut short.")):
        address = f"/admin/images/uploadedimage/{made.pk}/change/"
        page = client.get(address).content.decode()
        assert made.state.label in page, "the state is on the photo's page of the admin"
        assert 'name="is_processed"' not in page, "the page has a field to fill in"
        assert made.state.label in client.get("/admin/images/uploadedimage/").content.decode()
        before = columns(made)
        for change in (
            {"is_processed": "on"},
            {"is_processed": "on", "failure_reason": "damaged"},
            {"is_processed": "on", "resized_image-clear": "on"},
            {"resized_image-clear": "on"},
            {"image-clear": "on"},
            {"failure_reason": "damaged"},
            {},
        ):
            assert client.post(address, change | {"_save": "Save"}).status_code == 403, change
            # The list's own form, as `list_editable` has it.
            edited = {f"form-0-{name}": value for name, value in change.items()}
            formset = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": made.pk, "_save": "Save"}
            client.post("/admin/images/uploadedimage/", edited | formset)
            assert columns(made) == before, change
            pages_answer(made)
    for query in ("is_processed__exact=1", "failure_reason__isempty=1", "failure_reason__isempty=0"):
        answer = client.get(f"/admin/images/uploadedimage/?{query}")
        assert answer.status_code == 200, query


def deletion_removes_the_files():
    client = client_of("ana", is_staff=True, is_superuser=True)
    by_visitor, by_page, *by_action = (resized_photo(f"{name}.jpg") for name in "abcd")
    assert [len(files(made)) for made in (by_visitor, by_page, *by_action)] == [2, 2, 2, 2]

    Client().post(f"/photos/{by_visitor.pk}/delete/")
    page = f"/admin/images/uploadedimage/{by_page.pk}/delete/"
    assert "Are you sure" in client.get(page).content.decode(), "Django asks first"
    client.post(page, {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [made.pk for made in by_action], "index": 0}
    asked = client.post("/admin/images/uploadedimage/", chosen).content.decode()
    assert "Are you sure" in asked
    assert all(len(files(made)) == 2 for made in by_action), "deleted before the confirmation"
    client.post("/admin/images/uploadedimage/", chosen | {"post": "yes"})
    for made in (by_visitor, by_page, *by_action):
        assert not type(made).objects.filter(pk=made.pk).exists()
        assert files(made) == [], made

    kept = resized_photo()
    with transaction.atomic():
        fresh(kept).delete()
        transaction.set_rollback(True)
    assert len(files(fresh(kept))) == 2, "the deletion was rolled back, and the files are gone"


def a_deletion_survives_a_storage_that_fails():
    """The rows are gone, so the visitor gets a page, and the other selected photos are deleted as well."""
    client = client_of("ana", is_staff=True, is_superuser=True)
    for error in (PermissionError(13, "Permission denied"), ConnectionError("The bucket doesn't respond.")):
        by_visitor, *by_action = (photo(f"{name}.jpg") for name in "abc")
        chosen = {"action": "delete_selected", "_selected_action": [made.pk for made in by_action]}
        with patch.object(FileSystemStorage, "delete", side_effect=error):
            answers = [
                Client().post(f"/photos/{by_visitor.pk}/delete/"),
                client.post("/admin/images/uploadedimage/", chosen | {"index": 0, "post": "yes"}),
            ]
        assert [answer.status_code for answer in answers] == [302, 302], error
        assert not type(by_visitor).objects.exists()


def a_deleted_photo_leaves_no_resized_file():
    """A worker read the row before it was deleted, or a visitor read it before the worker wrote it."""
    made = photo("a.jpg")
    seen_by_worker = fresh(made)
    fresh(made).delete()
    mark_resized(seen_by_worker)
    assert resized_files() == []

    made = photo("b.jpg")
    seen_by_visitor = fresh(made)
    mark_resized(made)
    assert len(resized_files()) == 1
    seen_by_visitor.delete()
    assert resized_files() == []

    seen = [fresh(made) for made in [photo("c.jpg")] for _ in range(2)]
    for twice in seen:
        twice.delete()
    assert files(made) == []


def resized_files():
    return [str(file) for file in settings.MEDIA_ROOT.glob("resized/**/*") if file.is_file()]


def the_admin_retries():
    """The action does the same as the button on a photo's page, for failed and for unqueued photos."""
    now = timezone.now()
    failed = photo("failed.jpg", failure_reason="Something went wrong on our side.", queued_at=now)
    unqueued, waiting, done = photo("unqueued.jpg"), photo("waiting.jpg", queued_at=now), resized_photo()
    everything = [made.pk for made in (failed, unqueued, waiting, done)]
    before = columns(done)
    chosen = {"action": "retry_selected", "_selected_action": everything, "index": 0}

    client = client_of("ana", is_staff=True, is_superuser=True)
    answer = client.post("/admin/images/uploadedimage/", chosen, follow=True)
    assert "2 photos queued again." in answer.content.decode()
    assert queued() == sorted([failed.pk, unqueued.pk])
    assert [fresh(made).state for made in (failed, unqueued, waiting)] == ["waiting"] * 3
    assert columns(done) == before

    reader = client_of("ben", "view_uploadedimage", is_staff=True)
    page = reader.get("/admin/images/uploadedimage/").content.decode()
    assert "failed.jpg" in page
    assert "retry_selected" not in page
    photo("another.jpg")
    reader.post("/admin/images/uploadedimage/", chosen)
    assert queued() == sorted([failed.pk, unqueued.pk]), "a person who may only look has sent tasks"


def the_admin_retries_without_a_broker():
    """The test starts this with an address at which no broker runs."""
    made = photo(failure_reason="Something went wrong on our side.")
    chosen = {"action": "retry_selected", "_selected_action": [made.pk], "index": 0}
    client = client_of("ana", is_staff=True, is_superuser=True)
    answer = client.post("/admin/images/uploadedimage/", chosen, follow=True)
    said = unescape(answer.content.decode())
    assert "0 photos queued again." in said
    assert "The broker doesn't respond." in said
    assert fresh(made).state == "unqueued"


def on_another_connection(work, *arguments):
    """Run `work` in a thread, because Django gives each thread its own connection. Raises what it raises."""

    def run():
        try:
            work(*arguments)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        threads.submit(run).result()


def a_late_failure_does_not_undo_a_resize():
    """The row is read, another connection finishes the photo, and then the failure is written."""
    made = photo()
    seen = fresh(made)
    on_another_connection(mark_resized, made)
    for late in late_failures(seen):
        late()
        assert fresh(made).state == "resized", late
    pages_answer(made)


def late_failures(seen):
    """Yield all functions of this lesson that mark the photo as failed or start it again."""
    reason = "Something went wrong on our side."
    if hasattr(seen, "fail"):
        yield lambda: seen.fail(reason)
    if HAS_CELERY_STATES:
        from images.tasks import resize_image_task
        from images.views import retry

        yield lambda: resize_image_task.on_failure(TimeoutError(), "id", (seen.pk,), {}, None)
        yield lambda: assert_not(seen.reset_for_retry())
        yield lambda: assert_not(retry([seen]))
    if HAS_REPORT:
        from upkeep import sweeping

        yield lambda: assert_not(sweeping.mark_as_failed(seen))
        yield lambda: assert_not(sweeping.resend(seen))


def assert_not(value):
    assert not value, value


def a_resize_clears_the_failure():
    """A worker has read the row; another connection marks it as failed; the worker finishes."""
    made = photo()
    seen = fresh(made)
    rows = type(made).objects.filter(pk=made.pk)
    on_another_connection(lambda: rows.update(failure_reason="It took too long."))
    mark_resized(seen)
    found = fresh(made)
    assert (found.state, found.failure_reason) == ("resized", "")
    pages_answer(made)


def failures_and_resizes_at_once():
    """Two connections write the same photo at the same time. Neither fails, and the photo is resized."""
    made = [photo() for _ in range(40)]
    errors, barrier = [], threading.Barrier(2)

    def each(work):
        for one in made:
            seen = fresh(one)
            barrier.wait()
            try:
                work(seen)
            except Exception as error:
                errors.append(error)
        connection.close()

    def fail(seen):
        for late in late_failures(seen):
            with contextlib.suppress(AssertionError):  # it came first
                late()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(each, (mark_resized, fail)))
    assert not errors, errors
    for one in made:
        assert (fresh(one).state, fresh(one).failure_reason) == ("resized", "")


def deliveries_are_not_edited():
    """With a changed `sent_at`, a report would be sent twice or never."""
    from upkeep.models import Delivery

    made = Delivery.objects.create(day=date(2026, 3, 2), email="ana@example.com")
    client = client_of("ana", is_staff=True, is_superuser=True)
    page = f"/admin/upkeep/delivery/{made.pk}/change/"
    assert client.get(page).status_code == 200
    assert client.get("/admin/upkeep/delivery/add/").status_code == 403
    change = {
        "day": "2026-03-02",
        "email": "ana@example.com",
        "sent_at_0": "2026-03-03",
        "sent_at_1": "01:00",
    }
    assert client.post(page, change).status_code == 403
    assert Delivery.objects.get().sent_at is None
    assert client.get("/admin/upkeep/subscriber/add/").status_code == 200
