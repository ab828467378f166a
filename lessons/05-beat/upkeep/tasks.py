"""The scheduled tasks. Beat sends them, and the workers run them."""

import logging
import time
from datetime import date

from celery import shared_task
from django.utils import timezone
from images.resilience import DATABASE_ERRORS, ResilientTask
from images.tasks import TRANSIENT, RetriedTask
from redis.exceptions import RedisError

from . import backups, reporting, sweeping, tidying
from .locks import try_lock, try_renewed_lock
from .models import Delivery, Subscriber

logger = logging.getLogger(__name__)
CHUNK = 20
"""How many emails one task sends."""
SECONDS = 240
"""After this time, a task starts no further email, but it finishes the one that it is sending."""


@shared_task(ignore_result=True, soft_time_limit=240, time_limit=300)
def sweep_task():
    """Send a new message for each photo whose message was lost."""
    with try_lock("sweep", seconds=330) as acquired:
        if not acquired:
            logger.info("Another sweep is running.")
            return
        sent, failed = sweeping.sweep()
        logger.info("Swept: %s photos re-sent, %s marked as failed.", sent, failed)


# TODO 5.6: add acks_late and reject_on_worker_lost, so that another process runs the task if the process
# running it is killed.
@shared_task(base=RetriedTask, ignore_result=True, time_limit=300)
def report_task(day=None):
    """Store the recipients of a day's report, and send tasks that email it.

    day: such as "2026-03-01" (default: yesterday).
    """
    day = date.fromisoformat(day) if day else reporting.yesterday()
    emails = Subscriber.objects.values_list("email", flat=True)
    # TODO 5.6: create a Delivery for each address for this day, unless one already exists. Then send
    # mail_task for this day's deliveries without sent_at, with at most CHUNK ids per task.
    for email in emails:
        reporting.message(day, email).send()


@shared_task(
    base=ResilientTask,
    bind=True,
    ignore_result=True,
    # TODO 5.6: add a rate limit of 30 tasks a minute, acks_late and reject_on_worker_lost.
    max_retries=5,
    # Longer than SECONDS and a very slow email together, shorter than the visibility timeout of one hour.
    # No soft limit: it could interrupt an email while the server is accepting it.
    time_limit=1500,
)
def mail_task(self, delivery_ids):
    """Email the report to some recipients. After a crash, a second run sends only the missing emails."""
    left = list(delivery_ids)
    stop = time.monotonic() + SECONDS
    for pk in delivery_ids:
        if time.monotonic() > stop:
            logger.warning("The mail server is slow: %s reports will be sent later.", len(left))
            break
        if send_report(pk):
            left.remove(pk)
    if left:
        raise self.retry(args=[left], countdown=60 * 2**self.request.retries)


def send_report(delivery_id):
    """Email one report. Returns False if it must be retried: it failed, or another process is sending it.

    If the other process was killed, its lock expires within a minute.
    """
    try:
        with try_renewed_lock(f"delivery-{delivery_id}", seconds=60) as acquired:
            delivery = Delivery.objects.filter(pk=delivery_id).first()
            if acquired and delivery:
                deliver(delivery)
            return acquired
    # smtplib's errors are OSErrors, the lock is in Redis, and a ValueError comes from an impossible address.
    except (OSError, RedisError, ValueError, *DATABASE_ERRORS) as error:
        logger.warning("Report %s will be sent later: %s", delivery_id, error)
        return False


def deliver(delivery):
    # TODO 5.6: send the email only if sent_at is empty, and set sent_at after sending it.
    reporting.message(delivery.day, delivery.email).send()


# These two tasks run once a day and once a week, so they are also retried if Redis, which holds their locks,
# doesn't respond.
@shared_task(base=RetriedTask, autoretry_for=(*TRANSIENT, RedisError), ignore_result=True, time_limit=1800)
def back_up_task():
    """Make a backup, and remove the backups that are too old."""
    with try_lock("backup", seconds=1860) as acquired:
        if not acquired:
            logger.warning("Another backup is running.")
            return
        folder = backups.back_up()
        removed = backups.rotate()
        logger.info("Backup: %s, %s removed.", folder, len(removed))


@shared_task(base=RetriedTask, autoretry_for=(*TRANSIENT, RedisError), ignore_result=True, time_limit=1800)
def tidy_task():
    """Remove orphaned files."""
    with try_lock("tidy", seconds=1860) as acquired:
        if not acquired:
            logger.warning("Another tidy_task is running.")
            return
        count, size = tidying.tidy()
        logger.info("Tidied up: %s files, %s bytes.", count, size)
