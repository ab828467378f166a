"""A scheduler for beat: only one beat process at a time sends tasks and writes the schedule file."""

import logging
import os
import secrets
import shelve
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from celery.beat import PersistentScheduler
from redis.exceptions import LockError, RedisError

from .locks import new_lock, release

logger = logging.getLogger(__name__)


class Store(dict):
    """The schedule in memory. The file is open only while it is read or written.

    A beat process that has lost the lock must not write, because another one uses the file by then. Closing
    an open shelve would write to it.
    """

    def __init__(self, filename: str) -> None:
        """Read the schedule from the file, or create the file. Raises the exceptions of shelve and pickle."""
        self.filename = filename
        with shelve.open(filename) as file:
            super().__init__(file)

    def sync(self) -> None:
        """Write the schedule into the file."""
        with shelve.open(self.filename) as file:
            file.update(self)

    def close(self) -> None:
        """Do nothing, because the file is not open."""


class OnlyScheduler(PersistentScheduler):
    """Sends only while it holds a lock. A second beat process waits until the first one stops."""

    # The lock expires after this time, which is several loops. After a crash, another beat process takes over
    # when the lock has expired.
    seconds = 30

    def __init__(self, *args, **kwargs) -> None:
        self.lock = new_lock("beat", self.seconds)
        # Two containers may have the same host name and the same pid.
        self.me = f"{socket.gethostname()}, pid {os.getpid()}, {secrets.token_hex(2)}"
        self.logged_reason = ""  # the last one in the log
        self.busy = self.stopping = False
        # The file is written after each message, so that the beat process that takes over knows about it.
        super().__init__(*args, sync_every_tasks=1, **kwargs)

    def setup_schedule(self) -> None:
        """Do nothing yet: a beat process that waits must not touch the file of the one that sends."""

    def tick(self, *args, **kwargs) -> float:
        """Send the next entry that is due, while holding the lock. Returns the seconds to wait."""
        if self.stopping:  # Python ignored the SystemExit of the signal handler, for example in a __del__()
            raise SystemExit
        with self.closed_afterwards():
            reason = self.reason_to_wait()
            if reason != self.logged_reason:
                self.logged_reason = reason
                logger.warning(reason or "This beat process is now sending tasks.")
            if reason:
                return self.max_interval
            if self._store is None:
                super().setup_schedule()
            return super().tick(*args, **kwargs)

    def reason_to_wait(self) -> str:
        """Why this beat process must not send now, as a sentence; empty when it holds the lock."""
        try:
            if self.holds_lock():
                return ""
            self.drop_schedule()  # another beat process may have sent tasks and written the file since
            if self.lock.acquire(blocking=False, token=self.me):
                return ""
            holder = self.lock.redis.get(self.lock.name) or b"gone by now"
        except RedisError as error:
            return f"The broker doesn't respond: {error}"
        return f"Waiting: another beat process is sending tasks ({holder.decode()})."

    def holds_lock(self) -> bool:
        """Renew the lock for `seconds`. Returns False if this process does not hold it (any more).

        Raises RedisError if Redis does not respond.
        """
        try:
            return self.lock.reacquire()
        except LockError:
            return False

    def drop_schedule(self) -> None:
        """Forget what was sent and when. Once this process has the lock again, it reads the file again."""
        self._store = None
        self._heap = None  # Celery's list of the next runs; it is made from the schedule

    def sync(self) -> None:
        """Write the schedule file, if this beat process holds the lock.

        One gap remains: a process that is paused for longer than `seconds` after this check still writes.
        """
        with self.closed_afterwards(), suppress(RedisError):
            if self.holds_lock():
                super().sync()

    def close(self) -> None:
        """Write the schedule, close the connection to the broker, and release the lock."""
        self.stopping = True
        if self.busy:
            return  # called by Celery's signal handler. See closed_afterwards().
        try:
            super().close()
        finally:
            if self.lock.local.token:
                release(self.lock)

    @contextmanager
    def closed_afterwards(self) -> Iterator[None]:
        """Do not close in the middle of the block.

        On SIGTERM, Celery's signal handler calls close() and raises SystemExit, whatever beat is doing. When
        that has ended the block, Celery calls close() a second time.
        """
        before, self.busy = self.busy, True
        try:
            yield
        except SystemExit:
            self.abandon_connection()
            raise
        finally:
            self.busy = before

    def abandon_connection(self) -> None:
        """Forget the connection to the broker without closing it. Its socket closes when the process exits.

        The signal may have interrupted a message. With Celery 5.7.0 and Kombu 5.7.0, closing the connection
        then waits forever for RabbitMQ's response to half a frame.
        """
        self.__dict__.pop("producer", None)
        self.__dict__.pop("connection", None)

    def _open_schedule(self) -> Store:
        return Store(self.schedule_filename)

    def _destroy_open_corrupted_schedule(self, exc: Exception) -> Store:
        logger.error(
            "The schedule file %s is damaged (%s: %s). Beat starts a new file and skips missed runs.",
            self.schedule_filename,
            type(exc).__name__,
            exc,
        )
        self._remove_db()
        return self._open_schedule()
