"""Check exercises about events, remote control and Flower."""

import httpx
from celery import current_app
from celery.app.control import Inspect
from celery.result import AsyncResult

from workshop.checkkit import expect
from workshop.notebookkit.events import event_times
from workshop.notebookkit.failures import slow_storage
from workshop.notebookkit.queues import queued_messages
from workshop.notebookkit.workers import wait_until, workers
from workshop.runtime import flower
from workshop.system.waiting import until

from .answers import expect_close, expect_function, expect_number, expect_type

CLOSE = 0.001
"""The allowed rounding error, in seconds."""


def waiting_and_running_time(events, task_id, waited, ran) -> str:
    """Check exercise 4.1: how long a task waited and ran according to its events."""
    times = event_times(events, task_id)
    expect(
        {"task-sent", "task-started", "task-succeeded"} <= times.keys(),
        "Some events about this task did not arrive. Run the cell that receives the events again.",
    )
    expect_number("waited", waited, "a number of seconds")
    expect_number("ran", ran, "a number of seconds")
    expect(waited >= 0, "waited is negative. Subtract the earlier time from the later one.")
    expect(ran >= 0, "ran is negative. Subtract the earlier time from the later one.")
    sent, started, succeeded = (times[f"task-{event}"] for event in ("sent", "started", "succeeded"))
    received = times.get("task-received", sent)
    mistakes = (
        (
            started - received,
            "waited doesn't include the time in the queue before a worker received the task. Measure from "
            "task-sent.",
        ),
        (
            received - sent,
            "waited covers only the time until a worker received the task, but then the task waited for a "
            "free process. Measure until task-started.",
        ),
        (
            1000 * (started - sent),
            "waited is in milliseconds, but it should be in seconds, like the timestamps.",
        ),
    )
    otherwise = f"waited is {waited:.3f} s, but it should be the time from task-sent to task-started."
    expect_close(waited, started - sent, mistakes, otherwise, CLOSE)
    runtime = next(
        event["runtime"] for event in events if event.get("uuid") == task_id and "runtime" in event
    )
    if abs(ran - runtime) > CLOSE:
        mistakes = [(succeeded - sent, "ran includes the waiting time. Measure from task-started.")]
        otherwise = f"ran is {ran:.3f} s, but it should be the time from task-started to task-succeeded."
        expect_close(ran, succeeded - started, mistakes, otherwise, CLOSE)
    return (
        f"The task waited {(started - sent) * 1000:.0f} ms and ran {(succeeded - started) * 1000:.0f} ms. "
        "More processes shorten the waiting time, and faster code shortens the running time. (The worker "
        "also measures the running time and sends it as runtime.)"
    )


def idle_processes(idle) -> str:
    """Check exercise 4.2: a function that returns how many processes of each worker are idle."""
    expect_function("idle", idle, "no arguments")
    expect(
        workers(),
        "No worker answers. Run ./workshop up in a terminal to start the workers, and run this cell again.",
    )
    returned, running, processes = _call_while_busy(idle)
    right = {name: count - running.count(name) for name, count in processes.items()}
    expect(
        returned is not ...,
        "Your function still returns the three dots. What do stats() and active() return?",
    )
    expect(returned is not None, "Your function returned None. Did you forget the return statement?")
    expect_type("idle()", returned, dict, "a dictionary that maps each worker's name to a number")
    expect(
        not any(isinstance(value, (list, tuple, dict)) for value in returned.values()),
        "Your function returned the tasks themselves. Count the tasks with len().",
    )
    expect(
        returned.keys() >= right.keys(),
        f"A worker is missing from your dictionary: {', '.join(right.keys() - returned.keys())}. Include all "
        "workers that answer.",
    )
    expect(
        returned != processes,
        "You counted all processes, but two of them are busy. Subtract the running tasks, which active() "
        "returns.",
    )
    busy = {name: running.count(name) for name in processes}
    expect(
        returned == right or returned != busy,
        "You counted the busy processes. Subtract this number from the total number of processes.",
    )
    expect(
        returned == right,
        f"While a resize and a ZIP export were running, your function returned {returned}, but the right "
        f"answer is {right}.",
    )
    return (
        f"While a resize and a ZIP export were running, your function returned {returned}, which is right. A "
        "second later, the numbers may be different."
    )


def _call_while_busy(idle) -> tuple[object, list[str], dict[str, int]]:
    """Call `idle()` while a resize and a ZIP export are running.

    Returns:
        The return value of `idle()`, the name of the worker for each running task, and how many processes
        each worker has, by the worker's name.
    """
    from images.models import UploadedImage
    from images.tasks import export_zip_task, resize_image_task

    photo = UploadedImage.objects.filter(is_processed=True).first()
    expect(photo, "There is no resized photo. Run the cell that uploads photos.")
    # If Celery knows the workers' names, it stops waiting as soon as all workers have answered.
    inspect = current_app.control.inspect(destination=list(workers().processes), timeout=2)
    # Tasks from the cells above may still be running because the storage was slow.
    wait_until(lambda: not _running(inspect) and not _running(inspect), 15, "The end of all running tasks")
    sent: list[AsyncResult] = []
    try:
        with slow_storage(15):
            sent.append(resize_image_task.delay(photo.pk))
            sent.append(export_zip_task.delay([photo.pk]))
            ids = {task.id for task in sent}
            wait_until(lambda: ids <= _running(inspect).keys(), 6, "The start of a resize and a ZIP export")
            returned = idle()
            running, processes = _running(inspect), workers().processes
        expect(
            ids <= running.keys(),
            "Your function takes longer than 15 seconds. Pass a shorter timeout to inspect().",
        )
    finally:
        for task in sent:
            current_app.control.revoke(task.id, terminate=True)
    return returned, list(running.values()), processes


def _running(inspect: Inspect) -> dict[str, str]:
    """Return a dictionary that maps the ID of each running task to the name of its worker."""
    return {task["id"]: name for name, tasks in (inspect.active() or {}).items() for task in tasks}


def revoke_a_waiting_task(first, second) -> str:
    """Check exercise 4.4: a ZIP export that succeeds, and a second one that is revoked while it waits."""
    for name, result in {"first": first, "second": second}.items():
        expect_type(name, result, AsyncResult, "the AsyncResult of a ZIP export")
    expect(first.id != second.id, "first and second are the same task.")
    wait_until(first.ready, 15, "The end of the first ZIP export")
    expect(
        first.state == "SUCCESS",
        f"The first ZIP export is in the {first.state} state, but it should have succeeded. Revoke only the "
        "second export.",
    )
    wait_until(lambda: second.ready() or not _is_queued(second.id), 15, "A worker for the second ZIP export")
    until(lambda: second.state != "PENDING", 2)  # a worker has just received the message
    expect(
        second.state != "PENDING",
        "The second ZIP export is unknown, because its message or its result was deleted. Deleting a "
        "message or a result doesn't stop a task that is running. Use revoke() instead.",
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
        "All workers received the revoke command and stored the task's ID. The message stayed in the queue "
        "until a worker received and discarded it."
    )


def _is_queued(task_id: str) -> bool:
    return any(message.headers["id"] == task_id for _, _, message in queued_messages())


def failed_tasks(address, failed) -> str:
    """Check exercise 4.5: the failed tasks that Flower remembers, with their exceptions."""
    expect(
        not isinstance(failed, httpx.Response),
        "failed is the whole response. Call the response's .json() method to get the tasks.",
    )
    expect_type("failed", failed, dict, "a dictionary that maps each task's ID to its exception")
    response = httpx.get(
        f"{address}/api/tasks",
        params={"state": "FAILURE"},
        auth=(flower.USER, flower.password()),
        timeout=30,
        trust_env=False,  # ignore the proxy settings in the environment
    )
    expect(response.is_success, f"Flower at {address} responded with status {response.status_code}.")
    right = {task_id: task["exception"] for task_id, task in response.json().items()}
    expect(
        not any(isinstance(value, dict) for value in failed.values()),
        'Your dictionary contains the task objects. Use only the exceptions: task["exception"].',
    )
    expect(right, "No task has failed yet. Run the cells above, in which a header task of a chord fails.")
    expect(
        failed,
        "Your dictionary is empty. Like Celery, Flower calls the state FAILURE, in capital letters.",
    )
    others = failed.keys() - right.keys()
    expect(
        not others,
        f"{len(others)} of the {len(failed)} tasks in your dictionary have not failed. Pass state=FAILURE in "
        "the request.",
    )
    expect(
        failed.keys() == right.keys(),
        f"{len(right)} tasks have failed, but your dictionary contains {len(failed)} tasks.",
    )
    expect(failed == right, 'The IDs are right, but the exceptions are not. Use task["exception"].')
    return f"Flower remembers {len(right)} failed tasks, because it received their events."
