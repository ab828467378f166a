"""What tests/test_photo_state.py runs inside a project: each function is one test, named on the command line.

Started in the project's folder, with its own migrated database and a broker.
"""

import contextlib
import itertools
import sys
import threading
from datetime import timedelta
from html import unescape

ROW = ("is_processed", "resized_image", "resize_seconds", "failure_reason")
CONTRADICTIONS = (
    {"is_processed": True},
    {"is_processed": True, "resize_seconds": 0.1},
    {"is_processed": True, "resized_image": "resized/0/a.jpg"},
)
"""For a photo that waits."""
CONTRADICTIONS_OF_RESIZED = (
    {"resized_image": ""},
    {"resize_seconds": None},
    {"failure_reason": "This picture is damaged or cut short."},
)


def photo(name="garden.jpg", **columns):
    """An uploaded photo, with these columns written afterwards."""
    from django.core.files.base import ContentFile
    from images.models import UploadedImage

    from workshop.checkkit.photos import jpeg

    made = UploadedImage.objects.create(image=ContentFile(jpeg(80, 60), name), original_bytes=1000)
    UploadedImage.objects.filter(pk=made.pk).update(**columns)
    return fresh(made)


def resized_photo(name="garden.jpg"):
    made = photo(name)
    finish(made)
    return fresh(made)


def finish(made):
    from workshop.checkkit import photo_rows

    photo_rows.mark_resized(made, 0.1)


def fresh(made):
    """The row as it is in the database now, as a new object."""
    return type(made).objects.get(pk=made.pk)


def columns(made):
    return type(made).objects.filter(pk=made.pk).values(*ROW).get()


def files(made):
    """The names of the photo's files that are there."""
    fields = (made.image, made.resized_image)
    return [field.name for field in fields if field and field.storage.exists(field.name)]


def refuses(made, change):
    from django.db import IntegrityError, transaction

    try:
        with transaction.atomic():
            type(made).objects.filter(pk=made.pk).update(**change)
    except IntegrityError:
        return True
    return False


def pages_answer(made):
    """The pages that show the photo, and in lesson 05 the report of its day."""
    from django.test import Client

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


def admin_client(**user):
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client()
    client.force_login(User.objects.create_user("ana", is_staff=True, **user))
    return client


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
    client = admin_client(is_superuser=True)
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
    from django.db import transaction
    from django.test import Client

    client = admin_client(is_superuser=True)
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


def a_deleted_photo_leaves_no_resized_file():
    """A worker has read the row before it was deleted, or a visitor before the worker wrote it."""
    made = photo("a.jpg")
    seen_by_worker = fresh(made)
    fresh(made).delete()
    finish(seen_by_worker)
    assert resized_files() == []

    made = photo("b.jpg")
    seen_by_visitor = fresh(made)
    finish(made)
    assert len(resized_files()) == 1
    seen_by_visitor.delete()
    assert resized_files() == []

    seen = [fresh(made) for made in [photo("c.jpg")] for _ in range(2)]
    for twice in seen:
        twice.delete()
    assert files(made) == []


def resized_files():
    from django.conf import settings

    return [str(file) for file in settings.MEDIA_ROOT.glob("resized/**/*") if file.is_file()]


def the_admin_retries():
    """As the button of the photo's page: a message for each that failed or was not queued."""
    from django.utils import timezone

    now = timezone.now()
    failed = photo("failed.jpg", failure_reason="Something went wrong on our side.", queued_at=now)
    unqueued, waiting, done = photo("unqueued.jpg"), photo("waiting.jpg", queued_at=now), resized_photo()
    everything = [made.pk for made in (failed, unqueued, waiting, done)]
    before = columns(done)
    chosen = {"action": "retry_selected", "_selected_action": everything, "index": 0}

    client = admin_client(is_superuser=True)
    answer = client.post("/admin/images/uploadedimage/", chosen, follow=True)
    assert "2 photos queued again." in answer.content.decode()
    assert queued() == sorted([failed.pk, unqueued.pk])
    assert [fresh(made).state for made in (failed, unqueued, waiting)] == ["waiting"] * 3
    assert columns(done) == before

    reader = reading_client()
    page = reader.get("/admin/images/uploadedimage/").content.decode()
    assert "failed.jpg" in page
    assert "retry_selected" not in page
    photo("another.jpg")
    reader.post("/admin/images/uploadedimage/", chosen)
    assert queued() == sorted([failed.pk, unqueued.pk]), "a person who may only look has sent tasks"


def reading_client():
    from django.contrib.auth.models import Permission, User
    from django.test import Client

    client, user = Client(), User.objects.create_user("ben", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_uploadedimage"))
    client.force_login(user)
    return client


def the_admin_retries_without_a_broker():
    """Started with the address of a broker that is not there."""
    made = photo(failure_reason="Something went wrong on our side.")
    chosen = {"action": "retry_selected", "_selected_action": [made.pk], "index": 0}
    answer = admin_client(is_superuser=True).post("/admin/images/uploadedimage/", chosen, follow=True)
    said = unescape(answer.content.decode())
    assert "0 photos queued again." in said
    assert "The broker doesn't respond." in said
    assert fresh(made).state == "unqueued"


def queued():
    """The ids of the photos with a message on the queue."""
    import json
    from base64 import b64decode

    from django.conf import settings
    from redis import Redis

    raw = Redis.from_url(settings.REDIS_URL).lrange("celery", 0, -1)
    return sorted(json.loads(b64decode(json.loads(each)["body"]))[0][0] for each in raw)


def on_another_connection(work, *arguments):
    """Run work in a thread: Django gives it a separate connection. Raises what it raises."""
    from django.db import connection

    errors = []

    def run():
        try:
            work(*arguments)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


def a_late_failure_does_not_undo_a_resize():
    """Read, then another connection finishes the photo, then write."""
    made = photo()
    seen = fresh(made)
    on_another_connection(finish, made)
    for late in late_failures(seen):
        late()
        assert fresh(made).state == "resized", late
    pages_answer(made)


def late_failures(seen):
    """What marks the photo as failed, or lets it start again, in this lesson."""
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
    finish(seen)
    found = fresh(made)
    assert (found.state, found.failure_reason) == ("resized", "")
    pages_answer(made)


def failures_and_resizes_at_once():
    """Two connections, started together, many times: none is refused, and the photo is resized in the end."""
    made = [photo() for _ in range(40)]
    errors, barrier = [], threading.Barrier(2)

    def each(work):
        from django.db import connection

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

    threads = [threading.Thread(target=each, args=(work,)) for work in (finish, fail)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors
    for one in made:
        assert (fresh(one).state, fresh(one).failure_reason) == ("resized", "")


def deliveries_are_not_edited():
    """A cleared or invented `sent_at` sends a report twice, or never."""
    from datetime import date

    from upkeep.models import Delivery

    made = Delivery.objects.create(day=date(2026, 3, 2), email="ana@example.com")
    client = admin_client(is_superuser=True)
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


if __name__ == "__main__":
    sys.path[0] = "."  # the project's modules, not those of tests/
    import django

    django.setup()
    import myproject  # noqa: F401  the app that tasks are sent with
    from django.apps import apps
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["testserver"]
    HAS_CELERY_STATES = hasattr(apps.get_model("images", "UploadedImage"), "queued_at")
    HAS_REPORT = apps.is_installed("upkeep")
    globals()[sys.argv[1]]()
