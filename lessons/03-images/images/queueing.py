"""The functions that send tasks for photos."""

import logging
from collections.abc import Iterable
from functools import partial

from django.db import transaction
from kombu.exceptions import OperationalError

from .forms import UploadForm
from .models import UploadedImage
from .tasks import resize_image_task

logger = logging.getLogger(__name__)


def save_and_enqueue(form: UploadForm) -> list[UploadedImage]:
    """Save all photos of a valid form or none, and enqueue a resize for each one. Returns the photos."""
    # TODO 3.2: save the form inside transaction.atomic(), so that either all photos or none are saved. In the
    # same block, register enqueue() for these photos with transaction.on_commit().
    photos = form.save()
    enqueue(photos)
    return photos


def enqueue(photos: Iterable[UploadedImage]) -> None:
    """Send a resize task for each photo. If the broker is down, the photos are not marked as queued."""
    # TODO 3.8: without a broker, delay() raises kombu.exceptions.OperationalError. Catch this exception
    # around the whole loop, and log a warning. The photos are already saved.
    for photo in photos:
        resize_image_task.delay(photo.pk)
        photo.mark_queued()


def retry(photos: Iterable[UploadedImage]) -> list[UploadedImage]:
    """Enqueue a new resize for each photo that failed or could not be queued. Returns these photos."""
    started = [photo for photo in photos if photo.can_be_retried and photo.reset_for_retry()]
    try:
        enqueue(started)
    finally:
        # Their rows are marked as queued, so that a second click sends nothing. These were not sent:
        unsent = [photo.pk for photo in started if not photo.queued_at]
        UploadedImage.objects.filter(pk__in=unsent).update(queued_at=None)
    return started
