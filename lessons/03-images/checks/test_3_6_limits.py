import pytest

from workshop.checkkit import expect, photos

pytestmark = pytest.mark.step("3.6")

FILE = "images/tasks.py, resize_image_task()"


def test_limits(app, task):
    """The task has a soft limit and a longer hard limit."""
    soft = task.soft_time_limit or app.conf.task_soft_time_limit
    hard = task.time_limit or app.conf.task_time_limit
    facts = {
        "expected": "soft_time_limit=30, time_limit=45",
        "found": f"soft_time_limit={soft}, time_limit={hard}",
        "file": FILE,
    }
    expect(
        soft or hard,
        "a task that hangs blocks a worker process forever, because resize_image_task has no limit.",
        "If the storage hangs, two photos are enough to block a worker with two processes. Set soft_time_limit and time_limit.",
        **facts,
    )
    expect(
        soft,
        "resize_image_task has a hard limit but no soft limit.",
        "At the hard limit, the process is killed, so the task can't clean up. Set soft_time_limit too.",
        **facts,
    )
    expect(
        hard,
        "resize_image_task has a soft limit but no hard limit.",
        "The soft limit raises an exception, but library code that hangs may never see this exception, or may catch it. Set "
        "time_limit too.",
        **facts,
    )
    expect(
        soft < hard,
        "the hard limit is not longer than the soft limit.",
        "The process would be killed before the task could clean up. Make time_limit longer than soft_time_limit.",
        **facts,
    )
    expect(
        soft >= 5 and hard <= 300,
        "the limits are not suitable: resizing a large photo takes a second, and slow storage adds a few more.",
        "The limits are given in seconds: set soft_time_limit to 30 and time_limit to 45.",
        **facts,
    )


def test_soft_limit_is_said(task, photo, storage, worker, settled):
    """A task that takes too long is stopped, and the page shows the reason."""
    storage("slow 20")
    kept = photo(photos.jpeg(80, 60))
    # As the last retry, because a task may also be retried after its soft limit.
    sent = task.apply_async((kept.pk,), soft_time_limit=0.2, time_limit=10, retries=50)
    settled(kept, sent.id)
    expect(
        "too long" in kept.failure_reason,
        "the soft limit was exceeded, but the photo's page does not say so.",
        "SoftTimeLimitExceeded must propagate out of the task, so that on_failure() is called. An except Exception in the task would catch SoftTimeLimitExceeded.",
        found=repr(kept.failure_reason),
        worker_says=worker.outcome(sent.id) or "nothing",
        file=FILE,
    )
