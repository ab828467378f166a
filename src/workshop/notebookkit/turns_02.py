"""The turns of notebook 02."""

import json
from datetime import UTC, datetime, timedelta

import redis
from celery import current_app
from celery.result import AsyncResult

from .turns import expect

LOOK = "for a look"
"""The queue that no worker takes from."""


def turn_1(task_name, arguments) -> str:
    expect(task_name, "task_name is empty. The message's headers have it.")
    expect(
        task_name == "images.tasks.describe_photo_task",
        f'task_name is "{task_name}". Look among the headers for the name that a worker looks up.',
    )
    expect(
        not isinstance(arguments, (str, bytes)),
        "arguments is still text. Decode it twice: out of Base64, then out of JSON.",
    )
    expect(
        isinstance(arguments, list) and arguments and not isinstance(arguments[0], list),
        f"arguments is {arguments!r}. The body is a list of three; the positional arguments are its first.",
    )
    return (
        "The name and the arguments are all that a worker needs. It reads the photo from the database itself."
    )


def turn_2(outcome) -> str:
    expect(callable(outcome), "outcome is to be a function that takes an AsyncResult.")
    unknown = outcome(AsyncResult("nobody-has-this-id"))
    expect(
        isinstance(unknown, dict) and {"state", "value", "error"} <= unknown.keys(),
        f'For an unknown id it returned {unknown!r}: a dictionary with "state", "value", "error" is needed.',
    )
    expect(
        unknown["state"] == "PENDING", f"For an unknown id the state was {unknown['state']!r}, not PENDING."
    )
    task = current_app.tasks["images.tasks.describe_photo_task"]
    failed = task.delay(0)
    failed.get(timeout=5, propagate=False)
    said = outcome(failed)
    expect(said["state"] == "FAILURE", f"For a task that failed the state was {said['state']!r}.")
    expect(
        said["value"] is None, "For a task that failed, value is the exception. Put that into error, as text."
    )
    expect(
        isinstance(said["error"], str) and "matching query" in said["error"],
        f"For a task that failed, error was {said['error']!r}: the exception's own text should be in it.",
    )
    json.dumps(said)
    fine = task.apply_async((_newest(),))
    fine.get(timeout=5)
    said = outcome(fine)
    expect(said["error"] is None, f"For a task that went well, error was {said['error']!r}, not None.")
    expect(isinstance(said["value"], dict), "For a task that went well, value is what the task returned.")
    fine.forget()
    failed.forget()
    return "It tells the three apart, and JSON can hold what it says, so a view could send it to a page."


def turn_3(sent) -> str:
    expect(isinstance(sent, AsyncResult), "sent is what apply_async returns. Which call did you make?")
    headers = _headers_on_look_queue(sent.id)
    expect(headers, f'The message is not on the queue "{LOOK}". Pass queue="{LOOK}" to apply_async.')
    expect(
        headers["eta"], "The message has no eta: nothing keeps a worker from beginning at once. countdown=…"
    )
    expect(headers["expires"], "The message has no expires: a worker that comes tomorrow would still run it.")
    eta, expires = (datetime.fromisoformat(headers[name]).astimezone(UTC) for name in ("eta", "expires"))
    apart = expires - eta
    expect(
        apart > timedelta(0), "It expires before it may begin, so it would never run. Count both from now."
    )
    expect(
        timedelta(seconds=49) < apart < timedelta(seconds=51),
        f"Between the earliest begin and the latest lie {apart.total_seconds():.0f} seconds, not 50.",
    )
    wait = (eta - datetime.now(UTC)).total_seconds()
    expect(wait < 10, f"The earliest begin is {wait:.0f} s away: ten seconds from the send were asked for.")
    return (
        f"Two moments are in the message: not before {eta:%H:%M:%S}, and not after {expires:%H:%M:%S} (UTC)."
    )


def turn_4(task_id, state_before, state_after) -> str:
    expect(
        state_before == "SUCCESS", f"state_before is {state_before!r}. Read it before you forget the result."
    )
    expect(state_after == "PENDING", f"state_after is {state_after!r}. Read it anew, after forget().")
    expect(
        current_app.backend.get(f"celery-task-meta-{task_id}") is None,
        "The result is still in the backend. AsyncResult has a method for that.",
    )
    return "The task ran, and nobody knows any more. PENDING again: it means unknown."


def _newest() -> int:
    from images.models import UploadedImage

    return UploadedImage.objects.latest("pk").pk


def _headers_on_look_queue(task_id: str) -> dict | None:
    broker = redis.Redis.from_url(current_app.conf.broker_url)
    for raw in broker.lrange(LOOK, 0, -1):
        message = json.loads(raw)
        if message["headers"]["id"] == task_id:
            return message["headers"]
    return None
