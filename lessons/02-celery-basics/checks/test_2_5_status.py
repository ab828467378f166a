import json
import uuid

import pytest
from django.urls import reverse

from workshop.checkkit import complain, expect, photos

pytestmark = pytest.mark.step("2.5")

FILE = "images/views.py, task_status()"


def status(client, task_id):
    response = client.get(reverse("images:task_status", args=[task_id]))
    try:
        answer = response.json()
    except ValueError:
        complain("the status view does not answer with JSON.", found=response.content[:80], file=FILE)
    missing = [name for name in ("id", "state", "result", "error") if name not in answer]
    expect(
        not missing,
        f"the answer of the status view has no {', '.join(missing)}.",
        expected='{"id": …, "state": …, "result": …, "error": …}',
        found=json.dumps(answer),
        file=FILE,
    )
    return answer


def test_unknown_is_pending(client, app, patience):
    """A task that nobody has heard of is PENDING: the view says so at once, and does not wait."""
    task_id = str(uuid.uuid4())
    with patience(
        "the status view waits until the task is over.", "Read the state; do not .get().", file=FILE
    ):
        found = status(client, task_id)
    expect(
        found == {"id": task_id, "state": "PENDING", "result": None, "error": None},
        "for an id that nobody has heard of, the answer is not right.",
        "Celery's word for that is PENDING. It does not mean that a task waits; it means: unknown.",
        expected='"state": "PENDING", "result": null, "error": null',
        found=json.dumps(found),
        file=FILE,
    )


def test_success(client, app, worker, photo):
    """When the task is done, the answer holds its result."""
    from images.tasks import describe_photo_task

    kept = photo(photos.jpeg())
    task = describe_photo_task.delay(kept.pk)
    result = task.get(timeout=15)
    found = status(client, task.id)
    expect(
        found["state"] == "SUCCESS" and found["result"] == result and found["error"] is None,
        "the task is done, and the answer does not say so, with the result.",
        expected=f'"state": "SUCCESS", "result": {json.dumps(result)}',
        found=json.dumps(found),
        file=FILE,
    )


def test_failure(client, app, worker):
    """When the task failed, the answer says what happened, and the page does not break."""
    from images.tasks import describe_photo_task

    task = describe_photo_task.delay(0)
    task.get(timeout=15, propagate=False)
    found = status(client, task.id)
    expect(
        found["state"] == "FAILURE" and found["result"] is None,
        "the task failed, and the answer does not say so.",
        expected='"state": "FAILURE", "result": null',
        found=json.dumps(found),
        file=FILE,
    )
    expect(
        "does not exist" in str(found["error"]) and "Traceback" not in str(found["error"]),
        "the task failed, and the answer does not say why.",
        "For a failed task, AsyncResult.result is the exception. The traceback is for you, not for visitors.",
        expected='"error": "DoesNotExist: UploadedImage matching query does not exist."',
        found=json.dumps(found["error"]),
        file=FILE,
    )


def test_forget(client, app, worker, photo):
    """Forgetting takes the result out of the backend, and the task is unknown again."""
    from images.tasks import describe_photo_task

    task = describe_photo_task.delay(photo(photos.jpeg()).pk)
    task.get(timeout=15)
    client.post(reverse("images:task_forget", args=[task.id]))
    found = app.AsyncResult(task.id).state
    expect(
        found == "PENDING",
        "the result was to be forgotten, and is still there.",
        expected="PENDING: unknown again",
        found=found,
        file="images/views.py, task_forget()",
    )
