"""What beat lets the workers do."""

import logging
from datetime import date

from celery import shared_task
from django.utils import timezone

from . import backups, reporting, sweeping, tidying
from .locks import only_one
from .models import Delivery, Subscriber

logger = logging.getLogger(__name__)
CHUNK = 20
"""Mails in one task."""


@shared_task(ignore_result=True, soft_time_limit=240, time_limit=300)
def sweep_task():
    """Send again what was lost."""
    with only_one("sweep", seconds=300) as mine:
        if not mine:
            logger.info("Another sweep is at work.")
            return
        sent, given_up = sweeping.sweep()
        logger.info("Swept: %s photos sent again, %s given up.", sent, given_up)


@shared_task(ignore_result=True, time_limit=300)
def report_task(day=None):
    """Write down who gets the report of a day ("2026-03-01"; yesterday), and send tasks that mail it."""
    day = date.fromisoformat(day) if day else reporting.yesterday()
    emails = Subscriber.objects.values_list("email", flat=True)
    # TODO 5.5: a Delivery for each, unless there is one; then mail_task for CHUNK unsent ones at a time.
    for email in emails:
        reporting.message(day, email).send()


@shared_task(
    ignore_result=True,
    # TODO 5.5: thirty of these a minute; and a worker that dies loses none.
    time_limit=300,
)
def mail_task(delivery_ids):
    """Mail the report to some recipients. Run again after a crash it goes on where it was."""
    for delivery in Delivery.objects.filter(pk__in=delivery_ids):
        with only_one(f"delivery-{delivery.pk}", seconds=60) as mine:
            # TODO 5.5: only if it is mine, and not sent yet; and write down that it was.
            reporting.message(delivery.day, delivery.email).send()


@shared_task(ignore_result=True, time_limit=1800)
def back_up_task():
    """Make a backup, and remove those that are too old."""
    with only_one("backup", seconds=1800) as mine:
        if mine:
            logger.info("Backup: %s, %s removed.", backups.back_up(), len(backups.rotate()))


@shared_task(ignore_result=True, time_limit=1800)
def tidy_task():
    """Remove files that belong to no photo."""
    with only_one("tidy", seconds=1800) as mine:
        if mine:
            logger.info("Tidied up: %s files, %s bytes.", *tidying.tidy())
