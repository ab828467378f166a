import pytest

from workshop.checkkit import expect, photos, until

pytestmark = pytest.mark.step("2.7")

FILE = "images/tasks.py, describe_album_task()"


def test_results_expire(app, worker, photo):
    """A result that nobody fetched is gone after an hour."""
    from images.tasks import describe_photo_task

    task = describe_photo_task.delay(photo(photos.jpeg()).pk)
    task.get(timeout=15)
    seconds = app.backend.client.ttl(app.backend.get_key_for_task(task.id).decode())
    expect(
        3000 < seconds <= 3600,
        "results stay in the result backend for another time than an hour.",
        "Each result takes memory in Redis until it expires.",
        expected="3600 s",
        found="for ever" if seconds == -1 else f"{seconds} s",
        file="myproject/settings.py",
    )


def test_album_does_not_wait(app, worker, photo):
    """As many album tasks as the worker has processes come to their end."""
    from images.tasks import describe_album_task

    ids = [photo(photos.jpeg(), f"{name}.jpg").pk for name in "abc"]
    tasks = [describe_album_task.delay(ids) for _ in worker.children()]
    over = until(lambda: all(task.ready() for task in tasks), 5)
    expect(
        over,
        f"{len(tasks)} album tasks were sent to a worker with {len(tasks)} processes, and none came to its end.",
        "Each holds a process and waits for tasks that need one. Celery calls this a deadlock.",
        states=", ".join(task.state for task in tasks),
        file=FILE,
    )
    error = next((task.result for task in tasks if task.failed()), None)
    expect(
        error is None,
        "the album task failed in the worker.",
        "A task that waits for another holds a process that the other may need. Celery forbids it."
        if "result.get()" in str(error)
        else "",
        exception=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
        file=FILE,
    )
    names = [description["name"] for description in tasks[0].result]
    expect(
        names == ["a.jpg", "b.jpg", "c.jpg"],
        "the album task does not return the descriptions in order.",
        found=repr(names),
        file=FILE,
    )
