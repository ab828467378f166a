import pytest

from workshop.checkkit import expect, photos

pytestmark = pytest.mark.step("3.6")

FILE = "images/tasks.py, resize_image_task()"


def test_limits(app, task):
    """There is a soft limit, and a hard one behind it."""
    soft = task.soft_time_limit or app.conf.task_soft_time_limit
    hard = task.time_limit or app.conf.task_time_limit
    found = f"soft_time_limit = {soft}, time_limit = {hard}"
    expect(
        soft and hard,
        "a resize that hangs keeps a process of the worker for ever."
        if not (soft or hard)
        else "one limit is missing.",
        "Two photos on a storage that hangs, and a worker with two processes does nothing any more.",
        expected="soft_time_limit=30, time_limit=45",
        found=found,
        file=FILE,
    )
    expect(
        soft < hard,
        "the hard limit comes before the soft one.",
        "Then the process is killed before the task could say what happened.",
        found=found,
        file=FILE,
    )
    expect(
        soft >= 5 and hard <= 300,
        "the limits do not fit a resize: a large photo takes a second, a bad storage some more.",
        expected="soft_time_limit=30, time_limit=45",
        found=found,
        file=FILE,
    )


def test_soft_limit_is_said(task, worker, photo, storage, settled):
    """A resize that takes too long ends, and the visitor reads so."""
    storage("slow 20")
    kept = photo(photos.jpeg())
    task.apply_async((kept.pk,), soft_time_limit=1, time_limit=10)
    settled(kept, 8)
    expect(
        "too long" in kept.failure_reason,
        "the soft limit was reached, and the photo's page does not say so.",
        "SoftTimeLimitExceeded is an exception like others: an except Exception in the task swallows it.",
        found=repr(kept.failure_reason),
        file=FILE,
    )
