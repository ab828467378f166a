"""What is left of the tasks that a notebook has sent: their results, and messages that no worker received."""

from collections.abc import Iterator

import redis
from celery import current_app
from celery.result import AsyncResult
from celery.signals import after_task_publish

from workshop.runtime.messages import Message, decoded

from .names import LOOK_QUEUE

PHOTO_TASKS = "images.tasks."
"""The tasks in this module take the id of a photo, or a list of ids."""
_sent: dict[str, None] = {}
"""The ids of the tasks that this kernel has sent, in order."""


@after_task_publish.connect(weak=False)
def _note(headers=None, body=None, **_) -> None:
    _sent[headers["id"]] = None
    if after := body[2].get("chord"):
        _sent[after["options"]["task_id"]] = None  # a worker sends this task


def take_back() -> list[str]:
    """Delete the results of all tasks that this kernel has sent, and remove their messages from the broker.

    Also removes messages for photos that were deleted: without a worker they would stay in the queue, and
    the tasks would fail later. Deletes the queue LOOK_QUEUE too. Returns the ids of the tasks.
    """
    broker = redis.Redis.from_url(current_app.conf.broker_url)
    ids, count = list(_sent), 0
    for task_id in ids:
        AsyncResult(task_id).forget()
    for queue, raw in _waiting(broker):
        message = decoded(raw)
        if message.headers.get("id") in _sent or _about_deleted_photos(message):
            count += broker.lrem(queue, 1, raw)
    broker.delete(LOOK_QUEUE, *broker.keys(f"_kombu.binding*{LOOK_QUEUE}"))
    print(f"Deleted the results of {len(ids)} tasks, and {count} messages that no worker received.")
    _sent.clear()
    return ids


def _waiting(broker: redis.Redis) -> Iterator[tuple[str, bytes]]:
    for queue in current_app.amqp.queues:
        for raw in broker.lrange(queue, 0, -1):
            yield queue, raw


def _about_deleted_photos(message: Message) -> bool:
    """Return True if all photos in a message have been deleted."""
    if not message.task.startswith(PHOTO_TASKS):
        return False
    from images.models import UploadedImage

    first = message.args[0] if message.args else None
    about = message.kwargs.get("image_id", message.kwargs.get("image_ids", first))
    ids = about if isinstance(about, list) else [about]
    if not all(isinstance(each, int) for each in ids):
        return False  # the callback of a chord gets descriptions instead of ids
    return not UploadedImage.objects.filter(pk__in=ids).exists()
