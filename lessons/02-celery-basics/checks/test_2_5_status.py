import uuid

import pytest
from django.urls import reverse

from workshop.checkkit import Complaint, as_json, complain, expect, photos, until
from workshop.checkkit.code_locations import raised_at

pytestmark = pytest.mark.step("2.5")

FILE = "images/views.py, task_status()"

EXCEPTION = (
    "If a task failed or was revoked, AsyncResult.result is an exception, which can't be serialized as JSON. Put the "
    "exception's type and message into error."
)
RAISES_AGAIN = ".get() re-raises the task's exception in the view. Read .result instead, which returns the exception as a value."
WAITS = "Read .state instead of calling .get(), because .get() waits for the task."
WHY = {
    "id": "id must be the id of the task that the page asks about.",
    "result": "result must be AsyncResult.result if the state is SUCCESS, in capital letters, and null (None) otherwise. "
    "If the task failed, put the exception into error.",
    "error": "error must be null (None) unless the task failed.",
}
"""Explains each part of a response, apart from the state."""


def status(client, task_id):
    try:
        response = client.get(reverse("images:task_status", args=[task_id]))
    except Complaint:
        raise
    except Exception as error:
        said, why = f"{type(error).__name__}: {error}", ""
        if "not JSON serializable" in said:
            why = EXCEPTION
        elif "didn't return an HttpResponse" in said:
            why = "The view doesn't return a response. Is return missing before JsonResponse(…)?"
        elif "timed out" in said:
            why = WAITS
        elif type(error).__name__ in ("DoesNotExist", "TaskRevokedError"):
            why = RAISES_AGAIN
        complain(
            "the status view raised an exception.",
            why,
            exception=said,
            raised_at=raised_at(error),
            file=FILE,
        )
    expect(
        response.status_code < 300,
        f"the status view responds with {response.status_code}.",
        "PENDING means unknown, and a task that is waiting in the queue is PENDING too. The page polls this view until "
        "the task has finished, so don't respond with an error.",
        expected="200, in every state",
        found=str(response.status_code),
        file=FILE,
    )
    try:
        answer = response.json()
    except ValueError:
        complain("the status view does not return JSON.", found=response.content[:80], file=FILE)
    missing = [name for name in ("id", "state", "result", "error") if name not in answer]
    expect(
        not missing,
        f"the status view's response is missing {', '.join(missing)}.",
        expected='{"id": …, "state": …, "result": …, "error": …}',
        found=as_json(answer),
        file=FILE,
    )
    return answer


def expect_answer(found, what, why, **expected):
    """Complain with `what` if a part of the response is wrong. `why` is the explanation for a wrong state."""
    wrong = next((name for name, value in expected.items() if found[name] != value), None)
    expect(
        wrong is None,
        what,
        WHY.get(wrong, why),
        expected=", ".join(f"{as_json(name)}: {as_json(value)}" for name, value in expected.items()),
        found=as_json(found),
        file=FILE,
    )


def test_unknown_is_pending(client, app, time_limit):
    """For an unknown task, the view returns PENDING without waiting."""
    task_id = str(uuid.uuid4())
    with time_limit("the status view waits until the task has finished.", WAITS, file=FILE):
        found = status(client, task_id)
    expect_answer(
        found,
        "the response for an unknown id is wrong.",
        "Celery's state for an unknown task is PENDING, which means unknown, not waiting.",
        state="PENDING",
        result=None,
        error=None,
        id=task_id,
    )


def test_success(client, describe_photo_task, worker, photo):
    """If the task has succeeded, the response contains its result."""
    task = describe_photo_task.delay(photo(photos.jpeg()).pk)
    result = task.get(timeout=15)
    found = status(client, task.id)
    expect_answer(
        found,
        "the response for a task that has succeeded is wrong.",
        "The state of a task that has succeeded is SUCCESS, in capital letters.",
        state="SUCCESS",
        result=result,
        error=None,
    )
    again = status(client, task.id)
    expect(
        again == found,
        "the page asked for the same task twice, but the second response is different.",
        "A visitor can reload the page, and two visitors can open it. Only task_forget() deletes a result.",
        first_response=as_json(found),
        second_response=as_json(again),
        file=FILE,
    )


def test_failure(client, describe_photo_task, worker):
    """If the task has failed, the response says why."""
    task = describe_photo_task.delay(0)
    error = task.get(timeout=15, propagate=False)
    expect(
        task.state == "FAILURE",
        f"photo 0 does not exist, but the task that describes it ended in the state {task.state}.",
        "A task that catches its exception and returns a value has succeeded (see step 2.3).",
        file="images/tasks.py, describe_photo_task()",
    )
    found = status(client, task.id)
    expect_answer(
        found,
        "the response for a task that has failed is wrong.",
        "The state of a task that has failed is FAILURE, in capital letters.",
        state="FAILURE",
        result=None,
    )
    expect(
        str(error) in str(found["error"]),
        "the task has failed, but the response does not say why.",
        "If a task failed, AsyncResult.result is the exception.",
        expected=f'"error": "{type(error).__name__}: {error}"',
        found=as_json(found["error"]),
        file=FILE,
    )
    expect(
        type(error).__name__ in str(found["error"]),
        "the response contains the exception's message without its type.",
        "Some messages are useless without the type. For example, the message of KeyError is only the missing key.",
        expected=f'"error": "{type(error).__name__}: {error}"',
        found=as_json(found["error"]),
        file=FILE,
    )
    expect(
        "Traceback" not in as_json(found),
        "the response shows visitors a traceback.",
        "A traceback reveals your file names and your code. Read the traceback in the worker's log, and show visitors only the "
        "exception's type and message.",
        expected=f'"error": "{type(error).__name__}: {error}"',
        found=as_json(found)[:200],
        file=FILE,
    )


def test_revoked(client, describe_photo_task, worker, photo):
    """An expired task is reported as REVOKED, and the response is still JSON."""
    task = describe_photo_task.apply_async((photo(photos.jpeg()).pk,), expires=-1)
    until(lambda: task.state == "REVOKED")
    found = status(client, task.id)
    expect_answer(
        found,
        "the response for a task that has expired is wrong.",
        "The state of an expired task is REVOKED.",
        state="REVOKED",
        result=None,
    )


def test_forget(client, describe_photo_task, app, worker, photo):
    """Forgetting a task deletes its result, so the task is unknown again."""
    task = describe_photo_task.delay(photo(photos.jpeg()).pk)
    task.get(timeout=15)
    client.post(reverse("images:task_forget", args=[task.id]))
    found = app.AsyncResult(task.id).state
    expect(
        found == "PENDING",
        "the view should have deleted the result, but the result is still stored.",
        "To delete a result, call forget() on its AsyncResult. revoke() cancels a task that has not started yet.",
        expected="PENDING: unknown again",
        found=found,
        file="images/views.py, task_forget()",
    )
