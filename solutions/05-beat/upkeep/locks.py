"""Locks in Redis: at most one process holds a lock, on however many machines. A lock expires on its own."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache

from django.conf import settings
from redis import Redis
from redis.exceptions import LockError, RedisError
from redis.lock import Lock


@lru_cache
def client(address: str) -> Redis:
    """The process's one client, and so one pool of connections, for the Redis at `address`.

    It may be used by several threads and after a fork: redis-py gives each child process new connections.
    """
    return Redis.from_url(address, socket_timeout=5)


def lock(name: str, seconds: float) -> Lock:
    """A lock that is not acquired yet. After `seconds` it expires, unless its holder renews it."""
    return client(settings.REDIS_URL).lock(f"lock:{name}", timeout=seconds)


@contextmanager
def only_one(name: str, seconds: float) -> Iterator[bool]:
    """Try to get the lock, without waiting. True for the process that holds it, False for all others.

    seconds: after so long the lock expires, even if its holder was killed. Longer than the work may take.
    """
    held = lock(name, seconds)
    mine = held.acquire(blocking=False)
    try:
        yield mine
    finally:
        if mine:
            release(held)


def release(held: Lock) -> None:
    """Give the lock back. If it has expired, another process may hold it by now: its lock stays."""
    with suppress(LockError, RedisError):
        held.release()
