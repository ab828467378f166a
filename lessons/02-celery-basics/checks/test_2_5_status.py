import json
import traceback
import uuid
from pathlib import Path

import pytest
from django.urls import reverse

from workshop.checkkit import Complaint, complain, expect, photos, until
from workshop.checkkit.worker import place_in

pytestmark = pytest.mark.step("2.5")

FILE = "images/views.py, task_status()"

EXCEPTION = (
    "If a task failed or was revoked, AsyncResult.result is an exception, which can't be serialized as JSON. Write its text "
    "into error."
)
RAISES_AGAIN = (
    ".get() raises the task's exception again, here in the view. .result returns the exception as a value."
)
WAITS = "Read .state and don't call .get(), which waits."


def status(client, task_id):
    try:
        response = client.get(reverse("images:task_status", args=[task_id]))
    except Complaint:
        raise
    except Exception as error:
        said, why = f"{type(error).__name__}: {error}", ""
        if "not JSON serializable" in said:
            why = EXCEPTION
        elif "timed out" in said:
            why = WAITS
        elif type(error).__name__ in ("DoesNotExist", "TaskRevokedError"):
            why = RAISES_AGAIN
        complain(
            "the status view raised an exception.",
            why,
            exception=said,
            raised_at=place_in(Path.cwd(), traceback.extract_tb(error.__traceback__)) or "?",
            file=FILE,
        )
    expect(
        response.status_code < 300,
        f"the status view answers with {response.status_code}.",
        "PENDING means unknown. A task that waits in the queue is PENDING too, and the page keeps asking until the "
        "task is finished. It can't do that if you answer with an error.",
        expected="200, in every state",
        found=str(response.status_code),
        file=FILE,
    )
    try:
        answer = response.json()
    except ValueError:
        complain("the status view does not answer with JSON.", found=response.content[:80], file=FILE)
    missing = [name for name in ("id", "state", "result", "error") if name not in answer]
    expect(
        not missing,
        f"the answer of the status view lacks {', '.join(missing)}.",
        expected='{"id": …, "state": …, "result": …, "error": …}',
        found=json.dumps(answer),
        file=FILE,
    )
    return answer


def test_unknown_is_pending(client, app, patience):
    """An unknown task is PENDING, and the view says so at once."""
    task_id = str(uuid.uuid4())
    with patience("the status view waits until the task has finished.", WAITS, file=FILE):
        found = status(client, task_id)
    expected = {"id": task_id, "state": "PENDING", "result": None, "error": None}
    expect(
        {name: found[name] for name in expected} == expected,
        "the answer for an unknown id is wrong.",
        "Celery's state for an unknown task is PENDING. It doesn't mean waiting, it means unknown.",
        expected='"state": "PENDING", "result": null, "error": null',
        found=json.dumps(found),
        file=FILE,
    )


def test_success(client, describe_photo_task, worker, photo):
    """When the task has succeeded, the answer contains its result."""
    task = describe_photo_task.delay(photo(photos.jpeg()).pk)
    result = task.get(timeout=15)
    found = status(client, task.id)
    expect(
        found["state"] == "SUCCESS" and found["result"] == result and found["error"] is None,
        "the task has succeeded, but the answer does not contain that state and the result.",
        "The state of such a task is SUCCESS, in capital letters.",
        expected=f'"state": "SUCCESS", "result": {json.dumps(result)}',
        found=json.dumps(found),
        file=FILE,
    )
    again = status(client, task.id)
    expect(
        again == found,
        "the page asked for the same task twice, and the second answer is different.",
        "A page can be loaded again, and two visitors can look at it. Only task_forget() deletes a result.",
        first_answer=json.dumps(found),
        second_answer=json.dumps(again),
        file=FILE,
    )


def test_failure(client, describe_photo_task, worker):
    """When the task has failed, the answer says why."""
    task = describe_photo_task.delay(0)
    error = task.get(timeout=15, propagate=False)
    expect(
        task.state == "FAILURE",
        f"there is no photo 0, but the task that describes it ended in the state {task.state}.",
        "See step 2.3: a task that catches its exception and returns a value has succeeded.",
        file="images/tasks.py, describe_photo_task()",
    )
    found = status(client, task.id)
    expect(
        found["state"] == "FAILURE" and found["result"] is None,
        "the task has failed, but the answer does not say so.",
        "Only a task in the state SUCCESS has a result. Write the exception into error.",
        expected='"state": "FAILURE", "result": null',
        found=json.dumps(found),
        file=FILE,
    )
    expect(
        str(error) in str(found["error"]),
        "the task has failed, but the answer does not say why.",
        "If a task failed, AsyncResult.result is the exception.",
        expected=f'"error": "{type(error).__name__}: {error}"',
        found=json.dumps(found["error"]),
        file=FILE,
    )
    expect(
        "Traceback" not in json.dumps(found),
        "the answer shows visitors a traceback.",
        "It shows your file names and your code. The traceback is for you, in the worker's log. Visitors need only one "
        "line.",
        expected=f'"error": "{type(error).__name__}: {error}"',
        found=json.dumps(found)[:200],
        file=FILE,
    )


def test_revoked(client, describe_photo_task, worker, photo):
    """A task that has expired is REVOKED, and the answer is still JSON."""
    task = describe_photo_task.apply_async((photo(photos.jpeg()).pk,), expires=-1)
    until(lambda: task.state == "REVOKED")
    found = status(client, task.id)
    expect(
        found["state"] == "REVOKED" and found["result"] is None,
        "a task has expired, but the answer does not say so.",
        "Its state is REVOKED. Only a task in the state SUCCESS has a result.",
        expected='"state": "REVOKED", "result": null',
        found=json.dumps(found),
        file=FILE,
    )


def test_forget(client, describe_photo_task, app, worker, photo):
    """Forgetting a task deletes its result, so the task is unknown again."""
    task = describe_photo_task.delay(photo(photos.jpeg()).pk)
    task.get(timeout=15)
    client.post(reverse("images:task_forget", args=[task.id]))
    found = app.AsyncResult(task.id).state
    expect(
        found == "PENDING",
        "the result should be deleted, but it is still there.",
        "Call forget() of an AsyncResult to delete it. revoke() is for a task that has not started.",
        expected="PENDING: unknown again",
        found=found,
        file="images/views.py, task_forget()",
    )
