"""Read task messages and other keys from Redis, and delete the messages of this kernel's tasks."""

import json
from collections.abc import Iterator

import redis
from celery import current_app
from celery.result import AsyncResult
from celery.signals import after_task_publish

from workshop.notebookkit.kernel_names import LOOK_QUEUE
from workshop.runtime.broker_messages import Message, decoded
from workshop.system.waiting import until

PHOTO_TASKS = "images.tasks."
"""The prefix of the names of tasks that take a photo ID or a list of photo IDs."""
SENT_IDS: dict[str, None] = {}
"""The IDs of the tasks that this kernel has sent, in the order in which they were sent."""


@after_task_publish.connect(weak=False)
def _remember(headers=None, body=None, **_) -> None:
    SENT_IDS[headers["id"]] = None
    if callback := body[2].get("chord"):
        SENT_IDS[callback["options"]["task_id"]] = None  # a worker sends this task


def queued_messages(queue: str = "*") -> Iterator[tuple[bytes, bytes, Message]]:
    """Yield the queue name, the raw message and the decoded message for each queued message.

    `queue` is a pattern for the names of the queues. The default, "*", matches all queues.
    """
    broker = _broker()
    for name in broker.scan_iter(queue, _type="list"):
        for raw in broker.lrange(name, 0, -1):
            try:
                message = decoded(raw)
            except (ValueError, KeyError, TypeError):  # a list that Kombu did not write contains no messages
                continue
            yield name, raw, message


def photo_ids(message: Message) -> set[int]:
    """Return the IDs of the photos that a task message refers to."""
    if not message.task.startswith(PHOTO_TASKS):
        return set()
    arguments = [*message.args[:1], message.kwargs.get("image_id"), message.kwargs.get("image_ids")]
    given = next((argument for argument in arguments if argument is not None), None)
    ids = given if isinstance(given, list) else [given]
    # The callback of a chord receives descriptions instead of IDs.
    return {photo_id for photo_id in ids if isinstance(photo_id, int)}


def clean_up(deleted_photos: set[int]) -> list[str]:
    """Delete the results of all tasks that this kernel has sent, and the queue LOOK_QUEUE.

    Also removes two kinds of messages from the queues: the messages of this kernel's tasks, and all messages
    that refer only to deleted photos.

    Args:
        deleted_photos: The IDs of the deleted photos.

    Returns:
        The IDs of all tasks that this kernel has sent.
    """
    broker, ids, count = _broker(), list(SENT_IDS), 0
    for task_id in ids:
        AsyncResult(task_id).forget()
    for queue, raw, message in queued_messages():
        if message.headers.get("id") in SENT_IDS or set() < photo_ids(message) <= deleted_photos:
            count += broker.lrem(queue, 1, raw)
    broker.delete(LOOK_QUEUE, *broker.keys(f"_kombu.binding*{LOOK_QUEUE}"))
    tasks = "1 task" if len(ids) == 1 else f"{len(ids)} tasks"
    messages = "1 message" if count == 1 else f"{count} messages"
    print(f"Deleted the results of {tasks}, and {messages} that no worker had received.")
    SENT_IDS.clear()
    return ids


def waiting_message(task: str, photo) -> bytes | None:
    """Return the raw message for this task and photo from the queue `celery`, or None if there isn't one."""
    for _, raw, message in queued_messages("celery"):
        if message.task == task and photo_ids(message) == {photo.pk}:
            return raw
    return None


def unacked_headers(task_id: str) -> dict | None:
    """Return the headers of a task's message, or None if the Redis key `unacked` doesn't contain the message.

    This key contains the messages that workers have received but not yet acknowledged.
    """
    for raw in _broker().hvals("unacked"):
        message, *_ = json.loads(raw)  # followed by the exchange and the routing key
        if message["headers"].get("id") == task_id:
            return message["headers"]
    return None


def watch_attempts(task_id: str, count: int, seconds: float) -> list[dict]:
    """Watch the Redis key `unacked`, and return the headers of a task's message for each attempt.

    Args:
        task_id: The task's ID.
        count: The number of attempts after which to stop.
        seconds: The number of seconds after which to stop, even if there were fewer attempts.
    """
    attempts: dict[int, dict] = {}

    def all_seen() -> bool:
        if headers := unacked_headers(task_id):
            attempts[headers["retries"]] = headers
        return len(attempts) >= count

    until(all_seen, seconds, longest_pause=0.005)
    return list(attempts.values())


def watch_ttl(key: str) -> list[int]:
    """Read the time to live (TTL) of `key` repeatedly until a process renews the key.

    Stops after eight seconds even if no process has renewed the key.

    Returns:
        The TTLs, in milliseconds. A value of -2 means that the key doesn't exist.
    """
    broker = _broker()
    lives = [broker.pttl(key)]

    def renewed() -> bool:
        lives.append(broker.pttl(key))
        return not 0 < lives[-1] <= lives[0]

    until(renewed, 8)
    return lives


def _broker() -> redis.Redis:
    return redis.Redis.from_url(current_app.conf.broker_url)
