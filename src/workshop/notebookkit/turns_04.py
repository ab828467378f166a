"""The exercises for notebook 04."""

import time

import httpx
import redis
from celery import current_app
from celery.app.control import Inspect
from celery.canvas import Signature
from celery.exceptions import ChordError
from celery.result import AsyncResult, GroupResult

from workshop.runtime import flower

from .events import moments
from .switches import slow_storage
from .turns import expect
from .waiting import wait_until
from .workers import workers

CLOSE = 0.001
"""The allowed rounding error, in seconds."""


def turn_1(events, uuid, waited, ran) -> str:
    times = moments(events, uuid)
    expect(
        {"task-sent", "task-started", "task-succeeded"} <= times.keys(),
        "Some events about this task did not arrive. Run the cell that receives the events again.",
    )
    for name, value in {"waited": waited, "ran": ran}.items():
        expect(isinstance(value, (int, float)), f"{name} is {value!r}, but it must be a number of seconds.")
    received = times.get("task-received", times["task-sent"])
    right_wait = times["task-started"] - times["task-sent"]
    right_run = times["task-succeeded"] - times["task-started"]
    if not _near(waited, right_wait):
        expect(waited >= 0, "waited is negative: subtract the earlier time from the later one.")
        expect(
            not _near(waited, times["task-started"] - received),
            "waited doesn't include the time in the queue before a worker received the task. Start at "
            "task-sent.",
        )
        expect(
            not _near(waited, received - times["task-sent"]),
            "waited covers only the time until a worker received the task, but the task then waited for a "
            "process. End at task-started.",
        )
        expect(
            not _near(waited, 1000 * right_wait, 1),
            "waited is in milliseconds, but it should be in seconds, like the timestamps.",
        )
        expect(False, f"waited is {waited:.3f} s, but it should be the time from task-sent to task-started.")
    runtime = next(event["runtime"] for event in events if event.get("uuid") == uuid and "runtime" in event)
    if not (_near(ran, right_run) or _near(ran, runtime)):
        expect(ran >= 0, "ran is negative: subtract the earlier time from the later one.")
        expect(
            not _near(ran, times["task-succeeded"] - times["task-sent"]),
            "ran includes the waiting time. Start at task-started.",
        )
        expect(False, f"ran is {ran:.3f} s, but it should be the time from task-started to task-succeeded.")
    return (
        f"The task waited {right_wait * 1000:.0f} ms and ran {right_run * 1000:.0f} ms. More processes "
        "shorten the waiting time, and faster code shortens the running time. (The worker also measures the "
        "running time and sends it as runtime.)"
    )


def turn_2(idle) -> str:
    expect(callable(idle), "idle must be a function without arguments.")
    expect(
        workers(),
        "No worker answers. Run ./workshop up in a terminal to start the workers, and run this cell again.",
    )
    from images.models import UploadedImage
    from images.tasks import export_zip_task, resize_image_task

    photo = UploadedImage.objects.filter(is_processed=True).first()
    expect(photo, "There is no resized photo. Run the cell that uploads photos.")
    ask, sent = _ask(), []
    # Tasks of the cells above may still be running, with the slow storage.
    wait_until(lambda: not _running(ask) and not _running(ask), 15, "The end of all running tasks")
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
            "Your function takes longer than 15 seconds. Pass a shorter timeout to inspect().",
        )
    finally:
        for each in sent:
            current_app.control.revoke(each.id, terminate=True)
    right = {name: count - list(running.values()).count(name) for name, count in processes.items()}
    expect(
        said is not ..., "Your function still returns the three dots. What do stats() and active() return?"
    )
    expect(said is not None, "Your function returned None. Did you forget the return statement?")
    expect(
        isinstance(said, dict),
        f"Your function returned {said!r}, but it must return a dictionary that maps each worker's name to "
        "a number.",
    )
    expect(
        not any(isinstance(value, (list, tuple, dict)) for value in said.values()),
        "Your function returned the tasks themselves. Count the tasks with len().",
    )
    expect(
        said.keys() >= right.keys(),
        f"A worker is missing from your dictionary: {', '.join(right.keys() - said.keys())}. Include all "
        "workers that answer.",
    )
    expect(
        said != processes,
        "You counted all processes, but two of them are busy. Subtract the running tasks, which active() "
        "returns.",
    )
    expect(
        said == right or said != {name: processes[name] - right[name] for name in right},
        "You counted the busy processes. Subtract that number from the number of all processes.",
    )
    expect(
        said == right,
        f"While a resize and a ZIP export were running, your function returned {said}, but {right} is right.",
    )
    return (
        f"While a resize and a ZIP export were running, your function returned {said}, which is right. A "
        "second later, the numbers may be different."
    )


def turn_3(summary, image_ids) -> str:
    expect(
        not isinstance(summary, Signature),
        "summary is a signature, so nothing has been sent yet. Call the chord: chord(header)(callback).",
    )
    expect(
        not isinstance(summary, dict),
        "summary is a dictionary: either you computed it in this kernel, or you waited for the result. "
        "Assign the AsyncResult instead.",
    )
    expect(
        not isinstance(summary, (GroupResult, list)),
        "summary contains only the results of the header tasks. Add the chord's callback, "
        "summarize_task.s().",
    )
    expect(
        isinstance(summary, AsyncResult),
        f"summary is {summary!r}, but it must be the AsyncResult that you get when you call a chord.",
    )
    wait_until(summary.ready, what="The summary")
    result = summary.get(propagate=False)  # otherwise the error of the header task is raised
    expect(
        not isinstance(result, ChordError),
        "A header task raised an exception, so the result is a ChordError. Use describe_for_summary_task, "
        "which returns the error for a missing photo.",
    )
    expect(
        isinstance(result, dict) and "photos" in result,
        f"The result is {str(result)[:80]}, which is not a summary. Is summarize_task the callback?",
    )
    failed = [each["id"] for each in result["failed"]]
    expect(failed, "The summary does not list photo 0. Add a header task for photo 0.")
    expect(failed == [0], f"These photos failed: {failed}. Use your own photos, and add photo 0 once.")
    expect(
        result["photos"] == len(image_ids),
        f"The summary covers {result['photos']} photos, but it should cover {len(image_ids)}.",
    )
    return (
        f"The summary covers {result['photos']} photos and lists photo 0 with its error. No process had to "
        "wait."
    )


def turn_4(first, second) -> str:
    for name, result in {"first": first, "second": second}.items():
        expect(isinstance(result, AsyncResult), f"{name} must be the AsyncResult of a ZIP export.")
    expect(first.id != second.id, "first and second are the same task.")
    wait_until(first.ready, 15, "The end of the first ZIP export")
    expect(
        first.state == "SUCCESS",
        f"The first ZIP export is in the {first.state} state, but it should succeed. Revoke only the second "
        "export.",
    )
    wait_until(
        lambda: second.ready() or not _waits(second.id),
        15,
        "A worker for the second ZIP export",
    )
    if second.state == "PENDING":
        time.sleep(0.5)  # between the queue and the first state
    expect(
        second.state != "PENDING",
        "The second ZIP export is unknown, because its message or its result was deleted. Deleting a "
        "message or a result doesn't stop a worker. Use revoke() instead.",
    )
    if second.state in ("STARTED", "PROGRESS"):
        wait_until(second.ready, 15, "The end of the second ZIP export")
    expect(
        second.state != "SUCCESS",
        "The second ZIP export has run, because it was revoked too late or not at all. Revoke the export "
        "in the same cell, right after you send it.",
    )
    expect(
        second.state == "REVOKED", f"The second ZIP export is in the {second.state} state instead of REVOKED."
    )
    return (
        "All workers received the revoke command and stored the id. The message stayed in the queue until "
        "a worker received and discarded it."
    )


def turn_5(address, failed) -> str:
    expect(
        not isinstance(failed, httpx.Response),
        "failed is the whole response. The response's .json() method returns the tasks.",
    )
    expect(
        isinstance(failed, dict),
        f"failed is a {type(failed).__name__}, but it must be a dictionary that maps each task's id to its "
        "exception.",
    )
    answer = httpx.get(
        f"{address}/api/tasks",
        params={"state": "FAILURE"},
        auth=(flower.USER, flower.password()),
        timeout=5,
        trust_env=False,  # without the proxy of the shell
    )
    expect(answer.is_success, f"Flower at {address} responded with status {answer.status_code}.")
    right = {uuid: task["exception"] for uuid, task in answer.json().items()}
    expect(
        not any(isinstance(value, dict) for value in failed.values()),
        'Your dictionary contains the task objects. Take only the exceptions: task["exception"].',
    )
    expect(right, "No task has failed yet. Run the cells above, in which a header task of a chord fails.")
    expect(
        failed,
        "Your dictionary is empty. Flower calls the state FAILURE, in capital letters, just like Celery.",
    )
    others = failed.keys() - right.keys()
    expect(
        not others,
        f"{len(others)} of the {len(failed)} tasks in your dictionary have not failed. Ask for "
        "state=FAILURE.",
    )
    expect(
        failed.keys() == right.keys(),
        f"{len(right)} tasks have failed, but your dictionary contains {len(failed)} tasks.",
    )
    expect(failed == right, 'The ids are right, but the exceptions must be text: use task["exception"].')
    return f"Flower remembers {len(right)} failed tasks, because it received their events."


def _near(value: float, right: float, close: float = CLOSE) -> bool:
    return abs(value - right) <= close


def _ask() -> Inspect:
    """Return an Inspect that names all running workers, so that Celery waits only for their answers."""
    return current_app.control.inspect(destination=list(workers().processes), timeout=2)


def _running(ask: Inspect) -> dict[str, str]:
    """Return a dictionary that maps the id of each running task to the name of its worker."""
    return {task["id"]: name for name, tasks in (ask.active() or {}).items() for task in tasks}


def _waits(task_id: str) -> bool:
    """Return True if a message for the task is in a queue."""
    broker = redis.Redis.from_url(current_app.conf.broker_url)
    return any(
        task_id.encode() in raw for queue in current_app.amqp.queues for raw in broker.lrange(queue, 0, -1)
    )
