"""What a task does while the database or the broker doesn't respond."""

import functools
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

from celery.contrib.django.task import DjangoTask
from celery.exceptions import Reject, Retry, SoftTimeLimitExceeded
from django.db import InterfaceError, InternalError, OperationalError, connection
from kombu.exceptions import OperationalError as BrokerError

logger = logging.getLogger(__name__)

DATABASE_ERRORS = (OperationalError, InterfaceError, InternalError)
"""What Django raises while the database is down, restarts or is read-only, or is locked for too long."""

PUBLISH_POLICY = {"max_retries": 5, "interval_start": 0, "interval_step": 1}
"""How a worker sends the message of a retry. It tries for ten seconds, because no visitor waits for it."""

BRIEF_OPTIONS: dict[str, dict[str, Any]] = {
    "sqlite": {"timeout": 2},
    "postgresql": {"connect_timeout": 2, "tcp_user_timeout": 2000, "options": "-c statement_timeout=2000"},
}
"""Options of a database connection that gives up after two seconds."""


class ResilientTask(DjangoTask):
    """A task that waits for the database before it is retried, and whose retry the broker cannot lose."""

    def retry(self, *args: Any, **options: Any) -> Retry:
        """Send the task again, as Celery's retry() does."""
        if isinstance(options.get("exc"), DATABASE_ERRORS) and self.request.id and not self.request.is_eager:
            with suppress(SoftTimeLimitExceeded):  # there is time left for sending the retry
                wait_for_database()
        options.setdefault("retry_policy", PUBLISH_POLICY)
        try:
            return super().retry(*args, **options)
        except Reject as error:
            # The broker did not take the retry, so Celery would drop the task. Give the message back instead.
            reason = error.args[0]
            raise Reject(reason, requeue=self.acks_late and isinstance(reason, BrokerError)) from error


def wait_for_database(seconds: float = 20) -> None:
    """Wait until the database responds, but no longer than `seconds`.

    While all processes of a worker wait here, the worker takes no more messages, so they stay in the queue.
    """
    deadline = time.monotonic() + seconds
    waiting = False
    while time.monotonic() < deadline:
        connection.close()
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            return
        except DATABASE_ERRORS as error:
            if not waiting:
                logger.warning("The database doesn't respond. Waiting for it, up to %s s: %s", seconds, error)
            waiting = True
            time.sleep(1)


def database_permitting(on_failure: Callable[..., None]) -> Callable[..., None]:
    """Let a task's on_failure() write to the database if that is possible, without raising or blocking.

    It is not called for a database error, which says nothing about the photo: the row stays as it is.

    After a hard time limit, on_failure() runs in the worker's main process, which does nothing else until it
    returns. There it gets two seconds, and its connection is closed, because Celery closes connections only
    in the processes of the pool.
    """

    @functools.wraps(on_failure)
    def run(task: DjangoTask, exc: BaseException, *args: Any) -> None:
        if isinstance(exc, DATABASE_ERRORS):
            return
        in_main_process = not task.request.id
        try:
            with brief_connection() if in_main_process else nullcontext():
                on_failure(task, exc, *args)
        except DATABASE_ERRORS as error:
            logger.warning("The database doesn't respond, so the failure is not stored: %s", error)

    return run


@contextmanager
def brief_connection() -> Iterator[None]:
    """Use a new database connection that gives up after two seconds, and close it afterwards."""
    usual = connection.settings_dict["OPTIONS"]
    connection.close()
    brief = BRIEF_OPTIONS.get(connection.vendor, {})
    if "options" in usual and "options" in brief:
        brief = brief | {"options": f"{usual['options']} {brief['options']}"}
    connection.settings_dict["OPTIONS"] = usual | brief
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["OPTIONS"] = usual
