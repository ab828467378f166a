"""Locks in Redis: at most one process holds a lock, even on several machines. A lock expires on its own."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from threading import Event, Thread

from django.conf import settings
from redis import Redis
from redis.exceptions import LockError, RedisError
from redis.lock import Lock


@lru_cache
def client(address: str) -> Redis:
    """The client for the Redis at `address`: one in each process, so that there is one connection pool.

    Threads can share it, and so can forked processes: redis-py opens new connections in each child process.
    """
    return Redis.from_url(address, socket_timeout=5)


def new_lock(name: str, seconds: float) -> Lock:
    """A lock that is not acquired yet. After `seconds` it expires, unless its holder renews it."""
    # Not thread_local, because another thread may renew it: see try_renewed_lock().
    return client(settings.REDIS_URL).lock(f"lock:{name}", timeout=seconds, thread_local=False)


@contextmanager
def try_lock(name: str, seconds: float) -> Iterator[bool]:
    """Try to acquire the lock, without waiting. Yields True if this process got it, otherwise False.

    seconds: how long until the lock expires, also if its holder was killed. It must outlast the work.
    """
    # TODO 5.4: create a lock with new_lock(), acquire it without waiting, and yield True or False.
    # Afterwards, call release(), even after an exception, but only if you got the lock.
    yield True


@contextmanager
def try_renewed_lock(name: str, seconds: float) -> Iterator[bool]:
    """Like try_lock(), for work that may take any time: a thread renews the lock until the block ends.

    seconds: how long until the lock expires if its holder was killed.
    """
    lock = new_lock(name, seconds)
    if not lock.acquire(blocking=False):
        yield False
        return
    ended = Event()
    thread = Thread(target=renew, args=(lock, seconds / 3, ended), daemon=True)
    thread.start()
    try:
        yield True
    finally:
        ended.set()
        thread.join()
        release(lock)


def renew(lock: Lock, interval: float, ended: Event) -> None:
    """Renew the lock every `interval` seconds until `ended` is set."""
    while not ended.wait(interval):
        with suppress(LockError, RedisError):  # try again after the next interval
            lock.reacquire()


def release(lock: Lock) -> None:
    """Release the lock. If it has expired and another process holds it now, that process keeps it."""
    with suppress(LockError, RedisError):
        lock.release()
