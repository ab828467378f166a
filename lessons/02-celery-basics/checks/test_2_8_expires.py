import pytest
from django.conf import settings

from workshop.checkkit import expect, photos
from workshop.checkkit.celery_app import why_ignored

pytestmark = pytest.mark.step("2.8")


def test_results_expire(app, describe_photo_task, worker, photo):
    """Results expire after an hour (from lesson 04 on, after three hours)."""
    expect(
        not describe_photo_task.ignore_result,
        "describe_photo_task no longer stores its result.",
        "The page shows this result. If the result isn't stored, the state stays PENDING forever.",
        found="ignore_result=True",
        file="images/tasks.py, myproject/settings.py",
    )
    task = describe_photo_task.delay(photo(photos.jpeg()).pk)
    task.get(timeout=15)
    seconds = app.backend.client.ttl(app.backend.get_key_for_task(task.id))
    expect(
        3000 < seconds <= 3 * 3600,
        "results do not expire after an hour.",
        why_not_an_hour(seconds, describe_photo_task),
        expected="3600 s",
        found={-1: "never", -2: "at once"}.get(seconds, f"{seconds} s"),
        file="myproject/settings.py",
    )


def why_not_an_hour(seconds, task):
    if seconds == -1:
        return "None and 0 mean never, so Redis stores each result until you call forget()."
    if hasattr(settings, "CELERY_RESULT_EXPIRES"):
        return "CELERY_RESULT_EXPIRES is in seconds."
    if task.expires:
        return (
            "The task option expires sets the latest time at which the task may start. CELERY_RESULT_EXPIRES sets how long the result is "
            "stored."
        )
    return why_ignored("result_expires") or "By default, Redis stores each result for a day."
