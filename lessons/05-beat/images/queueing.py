"""The functions that send tasks for photos."""

import logging
from collections.abc import Iterable
from functools import partial

from celery import chord
from celery.result import AsyncResult
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from .forms import UploadForm
from .models import UploadedImage
from .tasks import describe_for_summary_task, resize_image_task, summarize_task

logger = logging.getLogger(__name__)

UNSENT = (OperationalError, RuntimeError, RedisError)
"""Sending a task that stores its result raises one of these when the broker or the result backend is down."""


def save_and_enqueue(form: UploadForm) -> list[UploadedImage]:
    """Save all photos of a valid form or none, and enqueue a resize for each one. Returns the photos."""
    with transaction.atomic():
        photos = form.save()
        transaction.on_commit(partial(enqueue, photos))
    return photos


def enqueue(photos: Iterable[UploadedImage]) -> None:
    """Send a resize task for each photo. If the broker is down, the photos are not marked as queued."""
    try:
        for photo in photos:
            resize_image_task.delay(photo.pk)
            photo.mark_queued()
    except OperationalError as error:
        logger.warning("The broker doesn't respond; photos are saved but not queued: %s", error)


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


def enqueue_summary(image_ids: list[int]) -> AsyncResult:
    """Enqueue a task for each photo and a callback that gets all results. Returns the callback's result.

    Raises one of UNSENT if Redis doesn't respond.
    """
    task = chord(describe_for_summary_task.s(image_id) for image_id in image_ids)(summarize_task.s())
    task.parent.save()  # stores the group, so that the page can count its finished tasks
    return task
