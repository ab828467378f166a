import os
import signal

import pytest

from workshop.checkkit import complain, expect, photos, until

pytestmark = pytest.mark.step("3.7")

FILE = "images/tasks.py, resize_image_task()"


@pytest.fixture
def held(app, task, worker, photo, storage):
    """A photo whose task a process of the worker is at, and that process."""
    storage("slow 20")
    kept = photo(photos.jpeg())
    sent = task.delay(kept.pk)

    def process():
        replies = app.control.broadcast("active", reply=True, limit=1, timeout=5) or [{}]
        tasks = [each for reply in replies for found in reply.values() for each in found]
        return next((each["worker_pid"] for each in tasks if each["id"] == sent.id), None)

    pid = until(process, 5)
    if not pid:
        complain("the worker did not begin with the task.", worker_says=worker.log.splitlines()[-1])
    yield kept, pid
    storage("ok")


def test_message_stays(held, delivered):
    """While a worker is at the task, its message is still on the broker."""
    kept, pid = held
    messages = [message for message in delivered.unacked() if message.args == [kept.pk]]
    os.kill(pid, signal.SIGKILL)
    expect(
        messages,
        "the worker has begun, and the broker does not know the task any more.",
        "By default a message is acknowledged before the work: pull the plug of the worker's machine now, and the "
        "photo waits for ever. acks_late acknowledges behind the work.",
        expected=f'resize_image_task({kept.pk}) among the messages that are not acknowledged ("unacked")',
        found="\n".join(map(str, delivered.unacked())) or "none",
        file=FILE,
    )


def test_killed_process(held, storage, settled):
    """When the process that is at the task is killed, another one does it again."""
    kept, pid = held
    storage("ok")
    os.kill(pid, signal.SIGKILL)
    settled(kept, 10)
    expect(
        kept.is_processed,
        f"process {pid} was killed with -9 in the middle of the resize, and nobody did it again.",
        "Memory ran out, or somebody killed it: Celery acknowledges the message all the same, unless you set "
        "reject_on_worker_lost.",
        state=kept.get_state_label(),
        reason=kept.failure_reason or "none",
        file=FILE,
    )
