import pytest

from workshop.checkkit import expect, photos

pytestmark = pytest.mark.step("3.6")

FILE = "images/tasks.py, resize_image_task()"


def test_limits(app, task):
    """There is a soft limit, and a hard one behind it."""
    soft = task.soft_time_limit or app.conf.task_soft_time_limit
    hard = task.time_limit or app.conf.task_time_limit
    facts = {
        "expected": "soft_time_limit=30, time_limit=45",
        "found": f"soft_time_limit={soft}, time_limit={hard}",
        "file": FILE,
    }
    expect(
        soft or hard,
        "a resize that hangs keeps a process of the worker for ever: resize_image_task has no limit.",
        "Two photos on a storage that hangs, and a worker with two processes does nothing any more.",
        **facts,
    )
    expect(
        soft,
        "there is a hard limit and no soft one.",
        "At the hard limit the process is killed: the task tidies up nothing, and the visitor does not read why.",
        **facts,
    )
    expect(
        hard,
        "there is a soft limit and no hard one.",
        "The soft one is an exception. Code that hangs inside a library may never see it, or catch it.",
        **facts,
    )
    expect(
        soft < hard,
        "the hard limit does not come after the soft one.",
        "Then the process is killed before the task could say what happened.",
        **facts,
    )
    expect(
        soft >= 5 and hard <= 300,
        "the limits do not fit a resize: a large photo takes a second, a bad storage some more.",
        "They are given in seconds.",
        **facts,
    )


def test_soft_limit_is_said(task, photo, storage, ended, settled):
    """A resize that takes too long ends, and the visitor reads so."""
    storage("slow 20")
    kept = photo(photos.jpeg(80, 60))
    sent = task.apply_async((kept.pk,), soft_time_limit=0.2, time_limit=10)
    settled(kept, sent.id)
    expect(
        "too long" in kept.failure_reason,
        "the soft limit was reached, and the photo's page does not say so.",
        "SoftTimeLimitExceeded is an exception like others: an except Exception in the task swallows it.",
        found=repr(kept.failure_reason),
        worker_says=ended(sent.id) or "nothing",
        file=FILE,
    )
