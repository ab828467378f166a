import contextlib
import socket
import uuid

import pytest
from celery.states import READY_STATES

from workshop.checkkit import expect, photos, procfile, until

pytestmark = pytest.mark.step("4.1")

FILE = "myproject/settings.py"
TASK = "describe_photo_task"
FROM_THE_WORKER = ("task-received", "task-started", "task-succeeded")


@contextlib.contextmanager
def listening(app):
    """Yield heard(), which lists the events that arrived since the block began."""
    events = []
    with app.connection_for_write() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": events.append})
        with receiver.consumer_context(wakeup=False) as (listener, _, _):

            def heard():
                with contextlib.suppress(socket.timeout):
                    listener.drain_events(timeout=0.05)
                return events

            def sign_arrives():
                with app.events.default_dispatcher() as dispatcher:
                    dispatcher.send("workshop-sign")
                return any(event["type"] == "workshop-sign" for event in heard())

            until(sign_arrives)
            yield heard


def types(events, task_id):
    return [event["type"] for event in events if event.get("uuid") == task_id]


@pytest.fixture
def events(app, lines, crew, request, photo):
    """The events about one task, in the order in which they arrived.

    The option -E of a worker does the same as the setting; then the workers are those of the Procfile.
    """
    from images.tasks import describe_photo_task

    workers = procfile.workers(lines)
    by_option = workers and all(_tells(procfile.words(service)) for service in workers)
    with contextlib.ExitStack() as stack:
        if by_option and not app.conf.worker_send_task_events:
            _, broker = stack.enter_context(crew())
        else:
            broker = request.getfixturevalue("delivered")
            request.getfixturevalue("worker")
        heard = stack.enter_context(listening(app))
        task_id = str(uuid.uuid4())
        describe_photo_task.apply_async((photo(photos.jpeg(80, 60)).pk,), task_id=task_id)

        def complete():
            return "task-succeeded" in types(heard(), task_id)

        until(lambda: complete() or broker.state(task_id) in READY_STATES)
        until(complete, 2)
        return types(heard(), task_id)


def _tells(words):
    return bool({"-E", "--task-events", "--events"} & set(words))


def test_events(events, misspelt):
    """Whoever listens hears that a task was sent, received, begun, and how it ended."""
    facts = {
        "expected": "task-sent, " + ", ".join(FROM_THE_WORKER),
        "found": ", ".join(events) or "no event",
        "not_read_by_Celery": misspelt("event", "task_sent", "send_sent"),
        "file": FILE,
    }
    missing = [each for each in FROM_THE_WORKER if each not in events]
    expect(
        not missing,
        f"a worker did {TASK}, and sent no event about it." if len(missing) == 3 else "events are missing.",
        "By default a worker sends none, and Flower sees nothing. Celery passes over a setting whose name it does "
        "not know, without a word: CELERY_ and then one of its own names in capitals.",
        **facts,
    )
    expect(
        "task-sent" in events,
        f"{TASK} was sent, and the sender sent no event about it.",
        "The sender has a setting of its own. Without it nobody sees a task that no worker has taken yet.",
        **facts,
    )


@pytest.mark.parametrize("name", ["describe_photo_task", "export_zip_task"])
def test_started(told, worker, photo, name, misspelt):
    """While a worker is at a task, its state is STARTED."""
    from images import tasks

    argument = photo(photos.jpeg(80, 60)).pk
    task = getattr(tasks, name)
    entries = told(
        lambda **options: task.apply_async((argument if "describe" in name else [argument],), **options),
        str(uuid.uuid4()),
    )
    found = list(dict.fromkeys(entry["status"] for entry in entries))
    expect(
        found[:1] == ["STARTED"],
        f"a worker began with {name}, and the result backend was not told.",
        "Until the task's end its state reads PENDING: nobody can tell whether it waits or runs. The setting is "
        "off by default, because it is one more write for every task.",
        expected="STARTED, …, SUCCESS",
        found=", ".join(found) or "no state at all",
        not_read_by_Celery=misspelt("track"),
        file=FILE,
    )
