import pytest

from workshop.checkkit import complain, expect, photos, until

pytestmark = pytest.mark.step("3.7")

FILE = "images/tasks.py, resize_image_task()"


@pytest.fixture
def held(app, task, worker, photo, storage):
    """Return a photo, the id of its task, and the id of the process that is running the task."""
    storage("slow 20")
    kept = photo(photos.jpeg(80, 60))
    kept.mark_queued()
    sent = task.delay(kept.pk)

    def process():
        replies = app.control.broadcast("active", reply=True, limit=1, timeout=5) or [{}]
        tasks = [each for reply in replies for found in reply.values() for each in found]
        return next((each["worker_pid"] for each in tasks if each["id"] == sent.id), None)

    pid = until(process)
    if not pid:
        complain(
            "the worker did not start the task in time.",
            "If your machine is very busy, run the check again.",
            worker_says=worker.log.splitlines()[-1],
        )
    return kept, sent.id, pid


def test_visibility_timeout(app, task):
    """The broker redelivers a message only when its task can't be running anymore."""
    with app.connection_for_write() as connection:
        if connection.transport.driver_type != "redis":
            return
        timeout = connection.default_channel.visibility_timeout
    longest = task.time_limit or app.conf.task_time_limit or 0
    expect(
        timeout > longest,
        "the visibility timeout is not longer than the task's hard time limit.",
        "The broker would deliver the message a second time while the first run is still working. Leave the visibility "
        "timeout at its default of one hour.",
        expected=f"more than {longest} seconds",
        found=f"{timeout} seconds",
        file="myproject/settings.py, CELERY_BROKER_TRANSPORT_OPTIONS",
    )


def test_killed_process(held, task, worker, worker_queue, storage, settled):
    """If the process running a task is killed, another process runs the task again."""
    kept, task_id, pid = held
    messages = [message for message in worker_queue.unacked() if message.headers["id"] == task_id]
    storage("ok")
    worker.kill_child(pid)
    options = f"acks_late={task.acks_late}, reject_on_worker_lost={task.reject_on_worker_lost}"
    expect(
        messages,
        "the worker has started the task, and the broker no longer has the message.",
        "By default, a worker acknowledges a message before it runs the task. If the machine failed now, the photo would wait "
        "forever. With acks_late, the worker acknowledges the message after running the task.",
        expected=f'resize_image_task({kept.pk}) among the unacknowledged messages ("unacked")',
        found="\n".join(map(str, worker_queue.unacked())) or "none",
        options=options,
        file=FILE,
    )
    settled(kept, seconds=20)
    expect(
        kept.is_processed,
        f"process {pid} was killed with -9 while it was resizing a photo, but the task did not run again.",
        "Celery acknowledges the message even if the process is lost, unless you set reject_on_worker_lost."
        if not task.reject_on_worker_lost
        else "acks_late and reject_on_worker_lost are both set. If your machine is very busy, run the check again.",
        state=kept.state.label,
        reason=kept.failure_reason or "none",
        options=options,
        file=FILE,
    )
