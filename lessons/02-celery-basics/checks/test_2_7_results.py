import pytest
from django.conf import settings

from workshop.checkkit import expect, photos, until

pytestmark = pytest.mark.step("2.7")

FILE = "images/tasks.py, describe_album_task()"


def test_results_expire(app, describe_photo_task, worker, photo):
    """A result that nobody fetched is gone after an hour; from lesson 04 on after three, for its chord."""
    expect(
        not describe_photo_task.ignore_result,
        "describe_photo_task keeps no result any more.",
        "The page wants to show it. Without a result the state is PENDING for ever.",
        found="ignore_result=True",
        file="images/tasks.py, myproject/settings.py",
    )
    task = describe_photo_task.delay(photo(photos.jpeg()).pk)
    task.get(timeout=15)
    seconds = app.backend.client.ttl(app.backend.get_key_for_task(task.id))
    expect(
        3000 < seconds <= 3 * 3600,
        "results stay in the result backend for another time than an hour.",
        why_not_an_hour(seconds, describe_photo_task),
        expected="3600 s",
        found={-1: "for ever", -2: "gone at once"}.get(seconds, f"{seconds} s"),
        file="myproject/settings.py",
    )


def why_not_an_hour(seconds, task):
    if seconds == -1:
        return "None and 0 mean never: each result takes memory in Redis until somebody forgets it."
    names = [name for name in dir(settings) if "EXPIRES" in name and name != "CELERY_RESULT_EXPIRES"]
    if names and not hasattr(settings, "CELERY_RESULT_EXPIRES"):
        return (
            f'The settings have {", ".join(names)}. Celery\'s name is result_expires: with namespace="CELERY" '
            "that is CELERY_RESULT_EXPIRES."
        )
    if hasattr(settings, "CELERY_RESULT_EXPIRES"):
        return "CELERY_RESULT_EXPIRES is a number of seconds."
    if task.expires:
        return (
            "A task's expires says how late it may begin. How long a result stays is a setting of its own: "
            "Celery's name is result_expires, here CELERY_RESULT_EXPIRES."
        )
    return "Each result takes memory in Redis until it expires."


def test_album_does_not_wait(app, worker, photo):
    """As many album tasks as the worker has processes come to their end."""
    from images.tasks import describe_album_task

    ids = [photo(photos.jpeg(), f"{name}.jpg").pk for name in "abc"]
    processes = len(worker.children())
    tasks = [describe_album_task.delay(ids) for _ in range(2 * processes)]
    over = until(lambda: all(task.ready() for task in tasks), 12)
    expect(
        over,
        f"{len(tasks)} album tasks were sent to a worker with {processes} processes, and they do not come to "
        "their end.",
        "Each holds a process and waits for tasks that need one. Celery calls this a deadlock.",
        states=", ".join(task.state for task in tasks),
        file=FILE,
    )
    error = next((task.result for task in tasks if task.failed()), None)
    said = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    why = ""
    if "result.get()" in said:
        why = "A task that waits for another holds a process that the other may need. Celery forbids it."
    elif "AsyncResult is not JSON serializable" in said:
        why = "delay() returns a handle, not a description. Called like a function, the task runs here and returns one."
    expect(error is None, "the album task failed in the worker.", why, exception=said, file=FILE)
    found = tasks[0].result
    described = isinstance(found, list) and all(isinstance(each, dict) for each in found)
    expect(
        described,
        "the album task does not return a list of descriptions.",
        "Sent with delay(), a task has no result yet. Called like a function, it runs here, in the process that is "
        "at work anyway, and returns one.",
        found=repr(found),
        file=FILE,
    )
    names = [description.get("name") for description in found]
    expect(
        names == ["a.jpg", "b.jpg", "c.jpg"],
        "the album task does not return the descriptions in order.",
        "The order is that of the ids. A query has an order of its own.",
        expected="a.jpg, b.jpg, c.jpg",
        found=", ".join(map(str, names)),
        file=FILE,
    )
