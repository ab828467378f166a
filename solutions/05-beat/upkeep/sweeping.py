"""Photos that were accepted and are not done: their message was lost, or never sent."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from images.models import UploadedImage
from images.tasks import resize_image_task


def sweep():
    """Send a task for each photo that waits too long. Returns how many were sent, and how many given up."""
    sent, given_up = 0, 0
    for photo in overdue(timezone.now()):
        if photo.sent_again >= settings.SWEEP_TIMES:
            given_up += give_up(photo)
        else:
            sent += send_again(photo)
    return sent, given_up


def overdue(now):
    """Photos that are neither resized nor failed, and whose last message is too old.

    Each message gets twice as long as the one before it. So a backlog is not doubled every few minutes.
    """
    late = Q()
    for times in range(settings.SWEEP_TIMES + 1):
        since = now - timedelta(seconds=settings.SWEEP_AFTER * 2**times)
        never_queued = Q(queued_at=None, uploaded_at__lt=since)
        late |= Q(sent_again=times) & (Q(queued_at__lt=since) | never_queued)
    return UploadedImage.objects.pending().filter(late)


def send_again(photo):
    """Send a task for the photo, unless somebody has just done so. Returns 1 or 0.

    A sending that fails takes the note about it back.
    """
    with transaction.atomic():
        as_seen = UploadedImage.objects.pending().filter(
            pk=photo.pk, queued_at=photo.queued_at, sent_again=photo.sent_again
        )
        mine = as_seen.update(queued_at=timezone.now(), sent_again=F("sent_again") + 1)
        if mine:
            resize_image_task.delay(photo.pk)
    return mine


def give_up(photo):
    """Tell the visitor, who may press the button on the photo's page and begin anew. Returns 1 or 0."""
    reason = "It was tried several times, and no answer came. Try again later."
    as_seen = UploadedImage.objects.pending().filter(pk=photo.pk, sent_again=photo.sent_again)
    return as_seen.update(failure_reason=reason)
