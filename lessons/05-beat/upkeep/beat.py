"""The scheduler of beat."""

import logging
import os
import secrets
import socket

from celery.beat import PersistentScheduler
from redis.exceptions import LockError, RedisError

from .locks import lock, release

logger = logging.getLogger(__name__)


class OnlyScheduler(PersistentScheduler):
    """Sends only while it holds a lock. Of two beats one works; the other waits until that one is gone."""

    seconds = 30  # several loops long; after a crash the other one begins that much later

    def __init__(self, *args, **kwargs):
        self.lock = lock("beat", self.seconds)
        # Two containers may have one host name and one pid.
        self.me = f"{socket.gethostname()}, pid {os.getpid()}, {secrets.token_hex(2)}"
        self.said = ""
        self.sending = False
        super().__init__(*args, **kwargs)

    def setup_schedule(self):
        """Not yet: a beat that waits must not touch the file of one that works."""

    def tick(self, *args, **kwargs):
        obstacle = self.obstacle()
        if obstacle != self.said:
            self.said = obstacle
            logger.warning(obstacle or "This beat sends now.")
        if obstacle:
            return self.max_interval
        if self._store is None:
            super().setup_schedule()
        self.sending = True
        interval = super().tick(*args, **kwargs)
        self.sending = False
        return interval

    def obstacle(self):
        """Why this beat must not send now, in words; empty when it holds the lock."""
        try:
            if self.lock.local.token and self.lock.owned():
                self.lock.reacquire()
            elif not self.lock.acquire(blocking=False, token=self.me):
                holder = self.lock.redis.get(self.lock.name) or b"gone by now"
                return f"Another beat sends ({holder.decode()}). This one waits until it ends."
        except LockError:
            return "The lock has just expired."
        except RedisError as error:
            return f"The broker does not answer: {error}"
        return ""

    def close(self):
        if self.sending:
            # Celery's signal handler calls this, here in the middle of a message. With RabbitMQ a close would
            # wait for ever: for a lock that this very thread holds, or for the answer to half a frame.
            self.__dict__.pop("connection", None)
        try:
            if self._store is not None:
                super().close()
        finally:
            if self.lock.local.token:
                release(self.lock)
