"""The exercises of notebook 04."""

import time

import httpx
import redis
from celery import current_app
from celery.app.control import Inspect
from celery.canvas import Signature
from celery.exceptions import ChordError
from celery.result import AsyncResult, GroupResult

from workshop import flower

from .events import moments
from .switches import slow_storage
from .turns import expect
from .waiting import wait_until
from .workers import workers

CLOSE = 0.001
"""Seconds by which an answer may differ, because of rounding."""


def turn_1(events, uuid, waited, ran) -> str:
    times = moments(events, uuid)
    expect(
        {"task-sent", "task-started", "task-succeeded"} <= times.keys(),
        "Some events of this task did not arrive. Run the cell that receives the events once more.",
    )
    for name, value in {"waited": waited, "ran": ran}.items():
        expect(isinstance(value, (int, float)), f"{name} is {value!r}, but it must be a number of seconds.")
    received = times.get("task-received", times["task-sent"])
    right_wait = times["task-started"] - times["task-sent"]
    right_run = times["task-succeeded"] - times["task-started"]
    if not _near(waited, right_wait):
        expect(waited >= 0, "waited is below zero: subtract the earlier time from the later one.")
        expect(
            not _near(waited, times["task-started"] - received),
            "waited lacks the time in the queue, before a worker received the task. Use task-sent as the "
            "first "
            "time.",
        )
        expect(
            not _near(waited, received - times["task-sent"]),
            "waited ends when a worker received the task, but no process had started it yet. Use "
            "task-started as "
            "the second time.",
        )
        expect(
            not _near(waited, 1000 * right_wait, 1),
            "waited is in milliseconds. The timestamps are in seconds, and so should waited be.",
        )
        expect(False, f"waited is {waited:.3f} s. It is the time from task-sent to task-started.")
    runtime = next(event["runtime"] for event in events if event.get("uuid") == uuid and "runtime" in event)
    if not (_near(ran, right_run) or _near(ran, runtime)):
        expect(ran >= 0, "ran is below zero: subtract the earlier time from the later one.")
        expect(
            not _near(ran, times["task-succeeded"] - times["task-sent"]),
            "ran includes the waiting time. Use task-started as the first time.",
        )
        expect(False, f"ran is {ran:.3f} s. It is the time from task-started to task-succeeded.")
    return (
        f"The task waited {right_wait * 1000:.0f} ms and ran {right_run * 1000:.0f} ms. More processes make "
        "the "
        "first time shorter, and better code the second. (The worker also measures the second one: runtime.)"
    )


def turn_2(idle) -> str:
    expect(callable(idle), "idle must be a function without arguments.")
    expect(
        workers(), "No worker answers. Start the workers in a terminal, ./workshop up, and run this again."
    )
    from images.models import UploadedImage
    from images.tasks import export_zip_task, resize_image_task

    photo = UploadedImage.objects.filter(is_processed=True).first()
    expect(photo, "There is no resized photo. Run the cell that uploads some.")
    ask, sent = _ask(), []
    # Tasks of the cells above may still be running, with the slow storage.
    wait_until(lambda: not _running(ask) and not _running(ask), 15, "A moment in which no task is running")
    try:
        with slow_storage(15):
            sent.append(resize_image_task.delay(photo.pk))
            sent.append(export_zip_task.delay([photo.pk]))
            ids = {each.id for each in sent}
            wait_until(lambda: ids <= _running(ask).keys(), 6, "The start of a resize and a ZIP export")
            said = idle()
            running, processes = _running(ask), workers().processes
        expect(
            ids <= running.keys(),
            "Your function takes longer than 15 seconds. Give inspect a shorter timeout.",
        )
    finally:
        for each in sent:
            current_app.control.revoke(each.id, terminate=True)
    right = {name: count - list(running.values()).count(name) for name, count in processes.items()}
    expect(said is not ..., "Your function still returns three dots. What do stats() and active() answer?")
    expect(said is not None, "Your function returned None. Is there a return?")
    expect(
        isinstance(said, dict),
        f"Your function returned {said!r}, but it must return a dictionary with a number for each worker's "
        "name.",
    )
    expect(
        not any(isinstance(value, (list, tuple, dict)) for value in said.values()),
        "Your function returned the tasks themselves. Count them with len().",
    )
    expect(
        said.keys() >= right.keys(),
        f"A worker is missing: {', '.join(right.keys() - said.keys())}. Include all workers that answer.",
    )
    expect(
        said != processes,
        "These are the numbers of all processes, but two of them are busy. active() returns the running "
        "tasks.",
    )
    expect(
        said == right or said != {name: processes[name] - right[name] for name in right},
        "These are the busy processes. Subtract them from the number of processes.",
    )
    expect(
        said == right,
        f"While a resize and a ZIP export were running, you returned {said}, but {right} is right.",
    )
    return (
        f"While a resize and a ZIP export were running, you returned {said}. The numbers come from the "
        "workers "
        "themselves, and a second later they may be different."
    )


def turn_3(summary, image_ids) -> str:
    expect(
        not isinstance(summary, Signature),
        "summary is a signature, so nothing has been sent yet. Call it: chord(header)(callback).",
    )
    expect(
        not isinstance(summary, dict),
        "summary is a dictionary. Either this kernel created it, or you have waited for it. Assign the "
        "AsyncResult.",
    )
    expect(
        not isinstance(summary, (GroupResult, list)),
        "These are the results of the header tasks. The callback of the chord is missing: "
        "summarize_task.s().",
    )
    expect(
        isinstance(summary, AsyncResult),
        f"summary is {summary!r}. If you call a chord, it returns an AsyncResult.",
    )
    wait_until(summary.ready, what="The summary")
    result = summary.get(propagate=False)  # otherwise the error of the header task is raised
    expect(
        not isinstance(result, ChordError),
        "A header task raised an exception, so the result is a ChordError. Use describe_for_summary_task, "
        "which "
        "returns the error of a missing photo.",
    )
    expect(
        isinstance(result, dict) and "photos" in result,
        f"The result is {str(result)[:80]}, which is not a summary. Is summarize_task the callback?",
    )
    failed = [each["id"] for each in result["failed"]]
    expect(failed, "The summary does not list photo 0. Add its id to the header.")
    expect(failed == [0], f"These photos failed: {failed}. Use photo 0 once, and your own photos.")
    expect(
        result["photos"] == len(image_ids),
        f"The summary is about {result['photos']} photos, but {len(image_ids)} are right.",
    )
    return (
        f"{result['photos']} photos are summed up, and photo 0 is listed with its error. No process waited."
    )


def turn_4(first, second) -> str:
    for name, result in {"first": first, "second": second}.items():
        expect(isinstance(result, AsyncResult), f"{name} must be the AsyncResult of a ZIP export.")
    expect(first.id != second.id, "first and second are the same task.")
    wait_until(first.ready, 15, "The end of the first ZIP export")
    expect(
        first.state == "SUCCESS",
        f"The first ZIP export is {first.state}, but it should finish. Revoke only the id of the second one.",
    )
    wait_until(
        lambda: second.ready() or not _waits(second.id),
        15,
        "The second ZIP export, which no worker has received yet,",
    )
    if second.state == "PENDING":
        time.sleep(0.5)  # between the queue and the first state
    expect(
        second.state != "PENDING",
        "The second ZIP export is unknown: its message is gone, or its result was deleted. Neither stops a "
        "worker. "
        "Use revoke().",
    )
    if second.state in ("STARTED", "PROGRESS"):
        wait_until(second.ready, 15, "The end of the second ZIP export")
    expect(
        second.state != "SUCCESS",
        "The second ZIP export has run, because it was not revoked, or too late. Revoke it in the same "
        "cell, right "
        "after you send it.",
    )
    expect(second.state == "REVOKED", f"The second ZIP export is {second.state}, not REVOKED.")
    return (
        "All workers received the order and stored the id. The message stayed in the queue, and the worker "
        "that "
        "received it discarded it."
    )


def turn_5(address, failed) -> str:
    expect(
        not isinstance(failed, httpx.Response), "failed is the whole response. Its .json() returns the tasks."
    )
    expect(
        isinstance(failed, dict),
        f"failed is a {type(failed).__name__}, but it must be a dictionary: the id of each task and its "
        "exception.",
    )
    answer = httpx.get(
        f"{address}/api/tasks",
        params={"state": "FAILURE"},
        auth=(flower.USER, flower.password()),
        timeout=5,
        trust_env=False,  # without the proxy of the shell
    )
    expect(answer.is_success, f"Flower answers {answer.status_code} at {address}.")
    right = {uuid: task["exception"] for uuid, task in answer.json().items()}
    expect(
        not any(isinstance(value, dict) for value in failed.values()),
        'These are whole tasks. Take only the exception of each one: task["exception"].',
    )
    expect(right, "No task has failed yet. Run the cells above: a header task of one chord fails.")
    expect(
        failed, "The dictionary is empty. Flower calls the state FAILURE, in capital letters, as Celery does."
    )
    others = failed.keys() - right.keys()
    expect(
        not others,
        f"{len(others)} of these {len(failed)} tasks have not failed. Ask for state=FAILURE.",
    )
    expect(
        failed.keys() == right.keys(),
        f"{len(right)} tasks have failed, but your dictionary contains {len(failed)}.",
    )
    expect(failed == right, 'The ids are right. As text, use task["exception"].')
    return f"Flower remembers {len(right)} failed tasks. It knows them from the events."


def _near(value: float, right: float, close: float = CLOSE) -> bool:
    return abs(value - right) <= close


def _ask() -> Inspect:
    """Asks all running workers by name, so that it waits only until all of them have answered."""
    return current_app.control.inspect(destination=list(workers().processes), timeout=2)


def _running(ask: Inspect) -> dict[str, str]:
    """The running tasks: {id: name of the worker}."""
    return {task["id"]: name for name, tasks in (ask.active() or {}).items() for task in tasks}


def _waits(task_id: str) -> bool:
    """Whether a message of the task is in a queue."""
    broker = redis.Redis.from_url(current_app.conf.broker_url)
    return any(
        task_id.encode() in raw for queue in current_app.amqp.queues for raw in broker.lrange(queue, 0, -1)
    )
