import contextlib
import socket
import uuid

import pytest
from celery.states import READY_STATES

from workshop.checkkit import expect, photos, procfile, until
from workshop.checkkit.celery_app import ignored_settings

pytestmark = pytest.mark.step("4.1")

FILE = "myproject/settings.py"
TASK = "describe_photo_task"
FROM_THE_WORKER = ("task-received", "task-started", "task-succeeded")
IGNORED = "Celery silently ignores settings it doesn't recognize."


@contextlib.contextmanager
def listening(app):
    """Yields a function that returns the events that have arrived since the block started."""
    events = []
    with app.connection_for_write() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": events.append})
        with receiver.consumer_context(wakeup=False) as (listener, _, _):

            def received():
                with contextlib.suppress(socket.timeout):
                    listener.drain_events(timeout=0.05)
                return events

            def sign_arrives():
                with app.events.default_dispatcher() as dispatcher:
                    dispatcher.send("workshop-sign")
                return any(event["type"] == "workshop-sign" for event in received())

            until(sign_arrives)
            yield received


def types(events, task_id):
    return [event["type"] for event in events if event.get("uuid") == task_id]


@pytest.fixture
def events(app, lines, procfile_workers, request, photo):
    """The events about one task, in the order in which they arrived.

    A worker's -E option has the same effect as the setting. If the Procfile uses -E, its workers run the task.
    """
    from images.tasks import describe_photo_task

    workers = procfile.workers(lines)
    by_option = workers and all(_sends_events(service.words) for service in workers)
    with contextlib.ExitStack() as stack:
        if by_option and not app.conf.worker_send_task_events:
            _, broker = stack.enter_context(procfile_workers())
        else:
            broker = request.getfixturevalue("worker_queue")
            request.getfixturevalue("worker")
        received = stack.enter_context(listening(app))
        task_id = str(uuid.uuid4())
        describe_photo_task.apply_async((photo(photos.jpeg(80, 60)).pk,), task_id=task_id)

        def complete():
            return "task-succeeded" in types(received(), task_id)

        until(lambda: complete() or broker.state(task_id) in READY_STATES)
        until(complete, 2)
        return types(received(), task_id)


def _sends_events(words):
    return bool({"-E", "--task-events", "--events"} & set(words))


def ignored():
    """Return the settings that Celery ignores as a fact for complain(), or {} if there are none."""
    names = ", ".join(ignored_settings())
    return {"Celery_ignores": names} if names else {}


def test_events(events):
    """A program that listens for events receives an event when a task is sent, received, started, or finished."""
    facts = {
        "expected": "task-sent, " + ", ".join(FROM_THE_WORKER),
        "found": ", ".join(events) or "no event",
        **ignored(),
        "file": FILE,
    }
    missing = [each for each in FROM_THE_WORKER if each not in events]
    expect(
        not missing,
        f"a worker ran {TASK} but sent no events about this task."
        if len(missing) == 3
        else f"a worker ran {TASK} but did not send all events about this task.",
        "By default, a worker sends no events, so Flower shows no tasks. Set "
        f"CELERY_WORKER_SEND_TASK_EVENTS. {IGNORED}",
        **facts,
    )
    expect(
        "task-sent" in events,
        f"{TASK} was sent, but the process that sent the task did not send an event.",
        "The process that sends a task needs a separate setting, CELERY_TASK_SEND_SENT_EVENT. Without this "
        f"setting, Flower can't show a task that no worker has received yet. {IGNORED}",
        **facts,
    )


@pytest.mark.parametrize("name", ["describe_photo_task", "export_zip_task"])
def test_started(follow_states, worker, photo, name):
    """While a worker is running a task, the task's state is STARTED."""
    from images import tasks

    argument = photo(photos.jpeg(80, 60)).pk
    task = getattr(tasks, name)
    entries = follow_states(
        lambda **options: task.apply_async((argument if "describe" in name else [argument],), **options),
        str(uuid.uuid4()),
    )
    found = list(dict.fromkeys(entry["status"] for entry in entries))
    expect(
        found[:1] == ["STARTED"],
        f"a worker started {name} but did not store the STARTED state.",
        "Until the task ends, its state is PENDING, so the page can't tell whether the task is waiting or "
        f"running. Set CELERY_TASK_TRACK_STARTED, which applies to all tasks. {IGNORED}",
        expected="STARTED, …, SUCCESS",
        found=", ".join(found) or "no state at all",
        **ignored(),
        file=FILE,
    )
