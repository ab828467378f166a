import pytest

from workshop.checkkit import complain, expect, photos, until

pytestmark = pytest.mark.step("3.7")

FILE = "images/tasks.py, resize_image_task()"


@pytest.fixture
def held(app, task, worker, photo, storage):
    """A photo, the id of its task, and the process of the worker that is at it."""
    storage("slow 20")
    kept = photo(photos.jpeg(80, 60))
    sent = task.delay(kept.pk)

    def process():
        replies = app.control.broadcast("active", reply=True, limit=1, timeout=5) or [{}]
        tasks = [each for reply in replies for found in reply.values() for each in found]
        return next((each["worker_pid"] for each in tasks if each["id"] == sent.id), None)

    pid = until(process)
    if not pid:
        complain("the worker did not begin with the task.", worker_says=worker.log.splitlines()[-1])
    return kept, sent.id, pid


def test_killed_process(held, task, worker, delivered, storage, settled):
    """When the process that is at a task is killed, another one does the task again."""
    kept, task_id, pid = held
    messages = [message for message in delivered.unacked() if message.headers["id"] == task_id]
    storage("ok")
    worker.kill_child(pid)
    options = f"acks_late={task.acks_late}, reject_on_worker_lost={task.reject_on_worker_lost}"
    expect(
        messages,
        "the worker has begun, and the broker does not know the task any more.",
        "By default a message is acknowledged before the work: pull the plug of the worker's machine now, and the "
        "photo waits for ever. acks_late acknowledges behind the work.",
        expected=f'resize_image_task({kept.pk}) among the messages that are not acknowledged ("unacked")',
        found="\n".join(map(str, delivered.unacked())) or "none",
        options=options,
        file=FILE,
    )
    settled(kept, seconds=15)
    expect(
        kept.is_processed,
        f"process {pid} was killed with -9 in the middle of the resize, and nobody did it again.",
        "Memory ran out, or somebody killed it: Celery acknowledges the message all the same, unless you set "
        "reject_on_worker_lost.",
        state=kept.state.label,
        reason=kept.failure_reason or "none",
        options=options,
        file=FILE,
    )
