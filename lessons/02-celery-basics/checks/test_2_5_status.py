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
    "For a task that failed or that nobody ran, AsyncResult.result is an exception, and JSON has none. Write its "
    "text into the answer's error."
)
RAISES_AGAIN = ".get() raises again, here in the view, what the task raised. .result gives the exception to you as a value."
WAITS = "Read the state; do not .get()."


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
        "PENDING means unknown: a task that waits in the queue is PENDING too, and the page goes on asking. With "
        "an error the page never gets its answer.",
        expected="200, whatever the state",
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
        f"the answer of the status view has no {', '.join(missing)}.",
        expected='{"id": …, "state": …, "result": …, "error": …}',
        found=json.dumps(answer),
        file=FILE,
    )
    return answer


def test_unknown_is_pending(client, app, patience):
    """A task that nobody has heard of is PENDING: the view says so at once, and does not wait."""
    task_id = str(uuid.uuid4())
    with patience("the status view waits until the task is over.", WAITS, file=FILE):
        found = status(client, task_id)
    expected = {"id": task_id, "state": "PENDING", "result": None, "error": None}
    expect(
        {name: found[name] for name in expected} == expected,
        "for an id that nobody has heard of, the answer is not right.",
        "Celery's word for that is PENDING. It does not mean that a task waits; it means: unknown.",
        expected='"state": "PENDING", "result": null, "error": null',
        found=json.dumps(found),
        file=FILE,
    )


def test_success(client, describe_photo_task, worker, photo):
    """When the task is done, the answer holds its result."""
    task = describe_photo_task.delay(photo(photos.jpeg()).pk)
    result = task.get(timeout=15)
    found = status(client, task.id)
    expect(
        found["state"] == "SUCCESS" and found["result"] == result and found["error"] is None,
        "the task is done, and the answer does not say so, with the result.",
        "The state of a task that is done is SUCCESS, in capitals.",
        expected=f'"state": "SUCCESS", "result": {json.dumps(result)}',
        found=json.dumps(found),
        file=FILE,
    )


def test_failure(client, describe_photo_task, worker):
    """When the task failed, the answer says what happened, and the page does not break."""
    task = describe_photo_task.delay(0)
    error = task.get(timeout=15, propagate=False)
    expect(
        task.state == "FAILURE",
        f"there is no photo 0, and the task that describes it is a {task.state}.",
        "This is about step 2.3: a task that catches its exception and returns is a success for Celery.",
        file="images/tasks.py, describe_photo_task()",
    )
    found = status(client, task.id)
    expect(
        found["state"] == "FAILURE" and found["result"] is None,
        "the task failed, and the answer does not say so.",
        "The result is there for a SUCCESS alone. What went wrong belongs into error.",
        expected='"state": "FAILURE", "result": null',
        found=json.dumps(found),
        file=FILE,
    )
    expect(
        str(error) in str(found["error"]),
        "the task failed, and the answer does not say why.",
        "For a failed task, AsyncResult.result is the exception.",
        expected=f'"error": "{type(error).__name__}: {error}"',
        found=json.dumps(found["error"]),
        file=FILE,
    )
    expect(
        "Traceback" not in json.dumps(found),
        "the answer shows a traceback to the visitor.",
        "It names your files and what is in them. The traceback is for you, in the worker's log; one line is for "
        "visitors.",
        expected=f'"error": "{type(error).__name__}: {error}"',
        found=json.dumps(found)[:200],
        file=FILE,
    )


def test_revoked(client, describe_photo_task, worker, photo):
    """A task that expired before a worker came has a state, too, and the answer is still JSON."""
    task = describe_photo_task.apply_async((photo(photos.jpeg()).pk,), expires=-1)
    until(lambda: task.state == "REVOKED")
    found = status(client, task.id)
    expect(
        found["state"] == "REVOKED" and found["result"] is None,
        "a task has expired, and the answer does not say so.",
        "Its state is REVOKED. There is a result for a SUCCESS alone.",
        expected='"state": "REVOKED", "result": null',
        found=json.dumps(found),
        file=FILE,
    )


def test_forget(client, describe_photo_task, app, worker, photo):
    """Forgetting takes the result out of the backend, and the task is unknown again."""
    task = describe_photo_task.delay(photo(photos.jpeg()).pk)
    task.get(timeout=15)
    client.post(reverse("images:task_forget", args=[task.id]))
    found = app.AsyncResult(task.id).state
    expect(
        found == "PENDING",
        "the result was to be forgotten, and is still there.",
        "forget() of an AsyncResult takes it out, and has to be called. revoke() is for a task that has not begun.",
        expected="PENDING: unknown again",
        found=found,
        file="images/views.py, task_forget()",
    )
