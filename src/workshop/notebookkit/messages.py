"""The keys in Redis that a notebook reads: messages in a queue, unacknowledged messages, and locks."""

import json
import time

import redis
from celery import current_app


def unacked_headers(task_id: str) -> dict | None:
    """Return the headers of a task's message if a worker has received and not yet acknowledged it."""
    for raw in _broker().hvals("unacked"):
        message, *_ = json.loads(raw)  # then the exchange and the routing key
        if message["headers"].get("id") == task_id:
            return message["headers"]
    return None


def attempts(task_id: str, count: int, seconds: float) -> list[dict]:
    """Watch `unacked` and return the headers of a task's message, once for each attempt.

    count: stop after so many attempts. seconds: stop then, also with fewer attempts.
    """
    found: dict[int, dict] = {}
    end = time.monotonic() + seconds
    while len(found) < count and time.monotonic() < end:
        if headers := unacked_headers(task_id):
            found[headers["retries"]] = headers
        time.sleep(0.005)
    return list(found.values())


def waiting_message(task: str, photo, queue: str = "celery") -> bytes | None:
    """Return the raw message in `queue` that asks for the task named `task` with `photo`'s id, or None."""
    for raw in _broker().lrange(queue, 0, -1):
        headers = json.loads(raw)["headers"]
        if headers["task"] == task and headers["argsrepr"] == f"({photo.pk},)":
            return raw
    return None


def watch_ttl(key: str, seconds: float = 8) -> list[int]:
    """Read the time to live of `key` ten times a second until a process renews it.

    seconds: stop then. Returns the values in milliseconds; -2 means that there is no such key.
    """
    broker, end = _broker(), time.monotonic() + seconds
    lives = [broker.pttl(key)]
    while 0 < lives[-1] <= lives[0] and time.monotonic() < end:
        time.sleep(0.1)
        lives.append(broker.pttl(key))
    return lives


def _broker() -> redis.Redis:
    return redis.Redis.from_url(current_app.conf.broker_url)
