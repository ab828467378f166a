"""What the checks of this lesson share."""

import re

import pytest

from workshop.checkkit import Complaint, complain, until


@pytest.fixture
def task(app):
    """resize_image_task."""
    from images.tasks import resize_image_task

    try:
        assert resize_image_task.name  # made a task only now, when it is used
    except TypeError as error:
        complain(
            "Celery cannot make a task of resize_image_task.",
            "It is one of the decorator's options. autoretry_for takes a tuple, and a tuple of one has a comma: "
            "(ConnectionError,).",
            says=f"TypeError: {error}",
            file="images/tasks.py, @shared_task above resize_image_task()",
        )
    return resize_image_task


@pytest.fixture
def storage():
    """storage("down"), storage("slow 5"), storage("ok"): how the storage of the resized photos behaves."""
    from practice.modes import set_mode

    yield lambda mode: set_mode("storage", mode)
    set_mode("storage", "ok")


@pytest.fixture
def ended(worker):
    """ended(task_id) is the worker's line about the task's end, "" while there is none."""

    def line(task_id):
        log = worker.log
        end = re.search(rf"\[{task_id}\] ((?:succeeded|raised).*)", log)
        if not end:  # what on_failure() raises is said without the task's id
            _, began, after = log.rpartition(f"[{task_id}] received")
            end = began and re.search(r"(Task handler raised error: (?!WorkerLost|TimeLimit).+)", after)
        return end[1] if end else ""

    return line


@pytest.fixture
def settled(ended):
    """settled(photo) waits until the photo is resized or failed, and returns it as it is then.

    With the id of its task it waits no longer than for the task's end.
    """

    def wait(photo, task_id=None, seconds=15):
        def over():
            photo.refresh_from_db()
            return photo.is_processed or photo.failure_reason

        until(lambda: over() or (task_id and ended(task_id)), seconds)
        until(over, 1)  # after_return() may write, and is called behind the line about the end
        return photo

    return wait


@pytest.fixture
def sent(queue, task):
    """sent() lists the ids of the photos that a message for resize_image_task lies on the queue for."""

    def ids():
        ours = [message for message in queue.messages() if message.task == task.name]
        return [(message.args or [message.kwargs.get("image_id")])[0] for message in ours]

    return ids


@pytest.fixture
def attempt(task, queue):
    """attempt(photo, retries=0) runs the task here as a worker does; returns (exception or None, messages sent).

    What the task sends to be tried again lies on the queue, where no worker takes it.
    """

    def run(photo, retries=0):
        before = len(queue.messages())
        task.push_request(
            id=f"attempt-{retries}",
            args=[photo.pk],
            kwargs={},
            retries=retries,
            called_directly=False,
            is_eager=False,
            delivery_info={"routing_key": queue.name, "exchange": ""},
        )
        error = None
        try:
            task.run(photo.pk)
        except Complaint:
            raise
        except Exception as raised:
            error = raised
        finally:
            task.pop_request()
        return error, queue.messages()[before:]

    return run
