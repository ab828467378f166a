"""At most one at a time, on however many machines. The lock lies in Redis and expires by itself."""

from contextlib import contextmanager, suppress

from django.conf import settings
from redis import Redis
from redis.exceptions import LockError, RedisError


def lock(name, seconds):
    return Redis.from_url(settings.REDIS_URL, socket_timeout=5).lock(f"lock:{name}", timeout=seconds)


@contextmanager
def only_one(name, seconds):
    """True for the one that holds the lock, False for all others meanwhile. Nobody waits.

    seconds: after which the lock is gone even when its holder was killed. Longer than the work may take.
    """
    held = lock(name, seconds)
    mine = held.acquire(blocking=False)
    try:
        yield mine
    finally:
        if mine:
            release(held)


def release(held):
    # It took longer than `seconds`, and the lock is somebody else's by now; or the broker is gone.
    with suppress(LockError, RedisError):
        held.release()
