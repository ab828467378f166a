"""The turns of notebook 04."""

import time

import httpx
import redis
from celery import current_app
from celery.app.control import Inspect
from celery.canvas import Signature
from celery.exceptions import ChordError
from celery.result import AsyncResult, GroupResult

from workshop import flower

from .switches import slow_storage
from .turns import expect
from .waiting import wait_until
from .workers import workers

CLOSE = 0.001
"""Seconds by which an answer may differ, for those who round."""


def turn_1(heard, uuid, waited, ran) -> str:
    times = {event["type"]: event["timestamp"] for event in heard if event.get("uuid") == uuid}
    expect(
        {"task-sent", "task-started", "task-succeeded"} <= times.keys(),
        "Not all events of that task were heard. Run the cell that listens once more.",
    )
    for name, value in {"waited": waited, "ran": ran}.items():
        expect(isinstance(value, (int, float)), f"{name} is {value!r}. A number of seconds is needed.")
    received = times.get("task-received", times["task-sent"])
    right_wait = times["task-started"] - times["task-sent"]
    right_run = times["task-succeeded"] - times["task-started"]
    if not _near(waited, right_wait):
        expect(waited >= 0, "waited is below zero: take the earlier moment from the later one.")
        expect(
            not _near(waited, times["task-started"] - received),
            "That is the time at the worker. It lay on the broker before: begin with task-sent.",
        )
        expect(
            not _near(waited, received - times["task-sent"]),
            "That ends when a worker has the message. No process had begun it: end with task-started.",
        )
        expect(
            not _near(waited, 1000 * right_wait, 1),
            "These are milliseconds. The timestamps are seconds, and seconds were asked for.",
        )
        expect(False, f"waited is {waited:.3f} s. From the sending to the begin.")
    runtime = next(event["runtime"] for event in heard if event.get("uuid") == uuid and "runtime" in event)
    if not (_near(ran, right_run) or _near(ran, runtime)):
        expect(ran >= 0, "ran is below zero: take the earlier moment from the later one.")
        expect(
            not _near(ran, times["task-succeeded"] - times["task-sent"]),
            "ran has the waiting in it. Begin with task-started.",
        )
        expect(False, f"ran is {ran:.3f} s. From the begin to the success.")
    return (
        f"It waited {right_wait * 1000:.0f} ms and ran {right_run * 1000:.0f} ms. Adding processes shortens "
        "the first number, better code the second. (The worker's own number for the second is `runtime`.)"
    )


def turn_2(idle) -> str:
    expect(callable(idle), "idle is to be a function without arguments.")
    expect(workers(), "Nobody answers. Start the workers in a terminal, ./workshop up, and run this again.")
    from images.models import UploadedImage
    from images.tasks import export_zip_task, resize_image_task

    photo = UploadedImage.objects.filter(is_processed=True).first()
    expect(photo, "There is no resized photo to work on. Run the cell that uploads some.")
    ask, sent = _ask(), []
    # What the cells above have begun, with the storage still slow, would be in the way.
    wait_until(lambda: not _at_work(ask) and not _at_work(ask), 15, "A moment in which nothing is at work")
    try:
        with slow_storage(15):
            sent.append(resize_image_task.delay(photo.pk))
            sent.append(export_zip_task.delay([photo.pk]))
            ids = {each.id for each in sent}
            wait_until(lambda: ids <= _at_work(ask).keys(), 6, "A resize and a ZIP export at work")
            said = idle()
            at_work, processes = _at_work(ask), workers().processes
        expect(
            ids <= at_work.keys(),
            "Your function takes longer than 15 seconds: give inspect a shorter timeout.",
        )
    finally:
        for each in sent:
            current_app.control.revoke(each.id, terminate=True)
    right = {name: count - list(at_work.values()).count(name) for name, count in processes.items()}
    expect(said is not ..., "Your turn: the function still returns three dots. What do stats and active say?")
    expect(said is not None, "Your function returned None. Is there a return?")
    expect(
        isinstance(said, dict),
        f"It returned {said!r}. A dictionary is needed, with a number for the name of each worker.",
    )
    expect(
        not any(isinstance(value, (list, tuple, dict)) for value in said.values()),
        "It returned the tasks themselves. How many are there? len(…)",
    )
    expect(
        said.keys() >= right.keys(),
        f"A worker is missing: {', '.join(right.keys() - said.keys())}. All that answer are asked for.",
    )
    expect(said != processes, "These are all processes. Two of them are at work: active() says which.")
    expect(
        said == right or said != {name: processes[name] - right[name] for name in right},
        "These are the busy ones. Take them from the number of processes.",
    )
    expect(
        said == right, f"While a resize and a ZIP export were at work you said {said}, and {right} is right."
    )
    return (
        f"While a resize and a ZIP export were at work: {said}. Nobody kept that list, the workers "
        "were asked, and in the next second it is another one."
    )


def turn_3(summary, image_ids) -> str:
    expect(
        not isinstance(summary, Signature),
        "That is a signature: nothing has been sent yet. Call it, chord(members)(last).",
    )
    expect(
        not isinstance(summary, dict),
        "That is a dictionary: it was made here, in this kernel, or you have waited for it. Hand over the "
        "AsyncResult.",
    )
    expect(
        not isinstance(summary, (GroupResult, list)),
        "These are the answers of the members. The chord's last task is missing: summarize_task.s().",
    )
    expect(
        isinstance(summary, AsyncResult), f"summary is {summary!r}. A chord that is called returns a result."
    )
    wait_until(summary.ready, what="The summary")
    result = summary.get(propagate=False)  # otherwise the error of its member is raised
    expect(
        not isinstance(result, ChordError),
        "ChordError: a member raised. Take the task whose answer for a missing photo is an answer: "
        "describe_for_summary_task.",
    )
    expect(
        isinstance(result, dict) and "photos" in result,
        f"Its answer is {str(result)[:80]}, not a summary. Is summarize_task the last one?",
    )
    failed = [each["id"] for each in result["failed"]]
    expect(failed, "Photo 0 was not among them: its id has to be in the list of members, too.")
    expect(
        failed == [0], f"These could not be read: {failed}. Photo 0 once, and your photos, were asked for."
    )
    expect(
        result["photos"] == len(image_ids),
        f"The summary is about {result['photos']} photos, not {len(image_ids)}.",
    )
    return (
        f"{result['photos']} photos, and a reason for the one that is not there. Nobody waited for anybody."
    )


def turn_4(first, second) -> str:
    for name, result in {"first": first, "second": second}.items():
        expect(isinstance(result, AsyncResult), f"{name} is to stay the result of its ZIP export.")
    expect(first.id != second.id, "first and second are one task.")
    wait_until(first.ready, 15, "The first ZIP export's end")
    expect(
        first.state == "SUCCESS",
        f"The first ZIP export is {first.state}. It was to go on: each revoke names one id.",
    )
    wait_until(
        lambda: second.ready() or not _waits(second.id),
        15,
        "The second ZIP export, which nobody has seen yet,",
    )
    if second.state == "PENDING":
        time.sleep(0.5)  # between the queue and the first state
    expect(
        second.state != "PENDING",
        "Nothing is known of the second ZIP export: its message is gone, or its result was forgotten. "
        "Neither tells a worker to leave it. revoke() does.",
    )
    if second.state in ("STARTED", "PROGRESS"):
        wait_until(second.ready, 15, "The second ZIP export's end")
    expect(
        second.state != "SUCCESS",
        "The second ZIP export has run. Nobody called it off, or too late: send the order in the same "
        "cell, right after the sending.",
    )
    expect(second.state == "REVOKED", f"The second ZIP export is {second.state}, not REVOKED.")
    return (
        "The order went to all workers, and each remembers the id. The message stayed where it was; the "
        "worker that came to it threw it away."
    )


def turn_5(address, failed) -> str:
    expect(
        not isinstance(failed, httpx.Response), "That is the whole response. Its .json() has the tasks in it."
    )
    expect(
        isinstance(failed, dict),
        f"failed is a {type(failed).__name__}. A dictionary is needed: a task's id, and its exception.",
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
        "These are whole tasks. For each of them its exception was asked for: task[…].",
    )
    expect(right, "Nothing has failed yet. Run the cells above: one member of the chord fails.")
    expect(failed, "It is empty. Flower calls the state FAILURE, in capitals, as Celery does.")
    others = failed.keys() - right.keys()
    expect(
        not others,
        f"{len(others)} of these {len(failed)} have not failed. Ask with state=FAILURE.",
    )
    expect(failed.keys() == right.keys(), f"{len(right)} tasks have failed, and {len(failed)} are in yours.")
    expect(failed == right, "The ids are right. The text is to be the one under the key exception.")
    return f"{len(right)} of what Flower remembers has failed. It was not told: it listened."


def _near(value: float, right: float, close: float = CLOSE) -> bool:
    return abs(value - right) <= close


def _ask() -> Inspect:
    """Asks the workers that are up, by name: it is done when all of them have answered."""
    return current_app.control.inspect(destination=list(workers().processes), timeout=2)


def _at_work(ask: Inspect) -> dict[str, str]:
    """The tasks that a process has begun: {id: name of the worker}."""
    return {task["id"]: name for name, tasks in (ask.active() or {}).items() for task in tasks}


def _waits(task_id: str) -> bool:
    """Whether a message of the task lies in a queue."""
    broker = redis.Redis.from_url(current_app.conf.broker_url)
    return any(
        task_id.encode() in raw for queue in current_app.amqp.queues for raw in broker.lrange(queue, 0, -1)
    )
