"""Re-send the tasks of photos that were not resized because their message was lost or never sent."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Min, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone
from images.models import UploadedImage
from images.tasks import resize_image_task


def sweep() -> tuple[int, int]:
    """Re-send the overdue photos. Returns how many were re-sent, and how many marked as failed."""
    sent, failed = 0, 0
    for photo in overdue(timezone.now()):
        if photo.sent_again >= settings.SWEEP_TIMES:
            failed += mark_as_failed(photo)
        else:
            sent += resend(photo)
    return sent, failed


def overdue(now: datetime) -> QuerySet[UploadedImage]:
    """Photos that are neither resized nor failed, and whose last message is too old.

    Each message gets twice as long as the one before it, so that a backlog is not doubled every few minutes.
    """
    # TODO 5.3: return the pending photos whose queued_at is more than SWEEP_AFTER seconds ago, doubled for
    # each re-send: sent_again is a number from 0 to SWEEP_TIMES. If queued_at is empty, use uploaded_at.
    return UploadedImage.objects.pending().none()


def resend(photo: UploadedImage) -> int:
    """Send a new message for the photo, unless another sweep has just done so. Returns 1 or 0.

    If sending fails, the row is not changed.
    """
    # TODO 5.3: in one transaction, set queued_at to now and add 1 to sent_again, but only if the row is still
    # pending and both fields still match `photo`. Send the task only if a row was changed. Return the number
    # of changed rows.
    resize_image_task.delay(photo.pk)
    return 1


def mark_as_failed(photo: UploadedImage) -> int:
    """Mark the photo as failed. The visitor can retry with the button on its page. Returns 1 or 0."""
    reason = "We tried several times without success. Try again later."
    as_seen = UploadedImage.objects.pending().filter(pk=photo.pk, sent_again=photo.sent_again)
    return as_seen.update(failure_reason=reason)


def longest_wait(now: datetime) -> float:
    """How long the oldest photo has been waiting, in seconds; 0 if no photo waits. For monitoring.

    Each re-send sets queued_at to the current time, so this adds the time that the earlier messages got.
    """
    oldest = UploadedImage.objects.pending().values("sent_again")
    oldest = oldest.annotate(since=Min(Coalesce("queued_at", "uploaded_at")))
    waits = [
        (now - each["since"]).total_seconds() + settings.SWEEP_AFTER * (2 ** each["sent_again"] - 1)
        for each in oldest
    ]
    return max(waits, default=0)
