"""What a notebook has sent and nobody has taken: it goes at the end, with the results that came."""

import base64
import json
from collections.abc import Iterator

import redis
from celery import current_app
from celery.result import AsyncResult
from celery.signals import after_task_publish

PHOTO_TASKS = "images.tasks."
"""The tasks of this module get the id of a photo, or a list of ids."""
_sent: dict[str, None] = {}
"""The ids of the tasks that this kernel has sent, in their order."""


@after_task_publish.connect(weak=False)
def _note(headers=None, body=None, **_) -> None:
    _sent[headers["id"]] = None
    if after := body[2].get("chord"):
        _sent[after["options"]["task_id"]] = None  # a worker sends this one


def take_back() -> list[str]:
    """Forget the results of all tasks that this kernel has sent, and take their messages off the broker.

    So it does with messages for photos that are gone, whoever sent them. Where a worker is up there are none;
    without one they would lie there, and fail when it comes. Returns the ids of the tasks.
    """
    broker = redis.Redis.from_url(current_app.conf.broker_url)
    ids, count = list(_sent), 0
    for task_id in ids:
        AsyncResult(task_id).forget()
    for queue, raw in _waiting(broker):
        message = json.loads(raw)
        if message["headers"].get("id") in _sent or _for_nobody(message):
            count += broker.lrem(queue, 1, raw)
    print(f"{len(ids)} results are forgotten, {count} messages that nobody has taken are gone.")
    _sent.clear()
    return ids


def _waiting(broker: redis.Redis) -> Iterator[tuple[str, bytes]]:
    for queue in current_app.amqp.queues:
        for raw in broker.lrange(queue, 0, -1):
            yield queue, raw


def _for_nobody(message: dict) -> bool:
    """Whether all photos that a message is about are gone."""
    if not message["headers"].get("task", "").startswith(PHOTO_TASKS):
        return False
    from images.models import UploadedImage

    positional, named, _ = json.loads(base64.b64decode(message["body"]))
    about = named.get("image_id", named.get("image_ids", positional[0] if positional else None))
    ids = about if isinstance(about, list) else [about]
    if not all(isinstance(each, int) for each in ids):
        return False  # the last task of a chord gets descriptions
    return not UploadedImage.objects.filter(pk__in=ids).exists()
