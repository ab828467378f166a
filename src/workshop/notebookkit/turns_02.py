"""The exercises in notebook 02."""

import json
from datetime import UTC, datetime, timedelta

import redis
from celery import current_app
from celery.exceptions import TimeoutError
from celery.result import AsyncResult

from .names import LOOK_QUEUE, unique
from .turns import Missing, expect


def turn_1(task_name, arguments) -> str:
    expect(task_name, "`task_name` is empty. The task's name is one of the message's headers.")
    expect(
        task_name == "images.tasks.describe_photo_task",
        f'`task_name` is "{task_name}". Look in the headers for the full task name.',
    )
    expect(
        not isinstance(arguments, (str, bytes)),
        "`arguments` is still text. Decode the body twice: first from Base64, then from JSON.",
    )
    expect(
        isinstance(arguments, list) and arguments and not isinstance(arguments[0], list),
        f"`arguments` is {arguments!r}. The body is a list of three items, and the first "
        "item is the list of positional arguments.",
    )
    return "A worker needs only the task's name and arguments, because it loads the photo from the database."


def turn_2(outcome) -> str:
    expect(callable(outcome), "`outcome` should be a function that takes an AsyncResult.")
    unknown = _answer(outcome, AsyncResult(unique("unknown")))
    expect(
        isinstance(unknown, dict) and {"state", "value", "error"} <= unknown.keys(),
        f"For an unknown id, outcome() returned {unknown!r}. "
        'Return a dictionary with "state", "value" and "error".',
    )
    expect(
        unknown["state"] == "PENDING", f"For an unknown id, the state was {unknown['state']!r}, not PENDING."
    )
    task = current_app.tasks["images.tasks.describe_photo_task"]
    failed = task.delay(0)
    failed.get(timeout=5, propagate=False)
    said = _answer(outcome, failed)
    expect(said["state"] == "FAILURE", f"The state of a failed task was {said['state']!r}, not FAILURE.")
    expect(
        said["value"] is None,
        "The value of a failed task was not None. Put the exception into `error`, as a string.",
    )
    expect(
        isinstance(said["error"], str) and "matching query" in said["error"],
        f"The error of a failed task was {said['error']!r}, but it should contain the exception's message.",
    )
    json.dumps(said)
    fine = task.apply_async((_newest(),))
    fine.get(timeout=5)
    said = _answer(outcome, fine)
    expect(said["error"] is None, f"The error of a successful task was {said['error']!r}, not None.")
    expect(
        isinstance(said["value"], dict), "The value of a successful task should be what the task returned."
    )
    fine.forget()
    failed.forget()
    return "Your function tells all three cases apart, and its return value can be sent to a page as JSON."


def turn_3(sent) -> str:
    expect(isinstance(sent, AsyncResult), "`sent` should be the AsyncResult that apply_async() returns.")
    headers = _headers_on_look_queue(sent.id)
    expect(headers, "The message is not in LOOK_QUEUE. Pass queue=LOOK_QUEUE to apply_async().")
    expect(
        headers["eta"],
        "The message has no eta, so a worker would start the task immediately. Pass countdown.",
    )
    expect(
        headers["expires"],
        "The message doesn't expire, so a worker would still run the task tomorrow. Pass expires.",
    )
    eta, expires = (datetime.fromisoformat(headers[name]).astimezone(UTC) for name in ("eta", "expires"))
    apart = expires - eta
    expect(
        apart > timedelta(0),
        "The task expires before it can start, so it would never run. Both options count seconds from now.",
    )
    expect(
        timedelta(seconds=49) < apart < timedelta(seconds=51),
        f"The earliest and the latest start are {apart.total_seconds():.0f} seconds apart, not 50.",
    )
    wait = (eta - datetime.now(UTC)).total_seconds()
    expect(
        wait < 10,
        f"The task can start {wait:.0f} s from now at the earliest, not ten seconds after it was sent.",
    )
    return (
        f"The message says that the task starts no earlier than {eta:%H:%M:%S} "
        f"and no later than {expires:%H:%M:%S} (UTC)."
    )


def turn_4(task_id, state_before, state_after) -> str:
    expect(
        state_before == "SUCCESS",
        f"`state_before` is {state_before!r}. Read the state before you delete the result.",
    )
    expect(
        state_after == "PENDING",
        f"`state_after` is {state_after!r}. Read the state again after you call forget().",
    )
    expect(
        current_app.backend.get(f"celery-task-meta-{task_id}") is None,
        "The result is still stored. AsyncResult has a method that deletes a result.",
    )
    return (
        "The task ran, but its result has been deleted, so its state is PENDING again. PENDING means unknown."
    )


def _answer(outcome, result: AsyncResult) -> object:
    """Call `outcome` with `result`. If `outcome` waits for the result and times out, say so."""
    try:
        return outcome(result)
    except TimeoutError:
        raise Missing(
            "Your function waits for the result, but the result did not arrive in time. Read result.state "
            "and result.result instead of calling get()."
        ) from None


def _newest() -> int:
    from images.models import UploadedImage

    return UploadedImage.objects.latest("pk").pk


def _headers_on_look_queue(task_id: str) -> dict | None:
    broker = redis.Redis.from_url(current_app.conf.broker_url)
    for raw in broker.lrange(LOOK_QUEUE, 0, -1):
        message = json.loads(raw)
        if message["headers"]["id"] == task_id:
            return message["headers"]
    return None
