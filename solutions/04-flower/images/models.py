"""The photos of the site.

Everywhere in the code, a row of `UploadedImage` is called a `photo`. A task gets its id as
`image_id`, or several ids as `image_ids`.
"""

import logging
import os
import re
from pathlib import PurePosixPath

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from .pictures import TYPES
from .resilience import DATABASE_ERRORS

logger = logging.getLogger(__name__)

RESIZED_COLUMNS = (
    "resized_image",
    "resized_width",
    "resized_height",
    "resized_bytes",
    "resize_seconds",
    "is_processed",
    "failure_reason",
)
"""The columns that a resize writes."""

ENDINGS = {ending for ending, _ in TYPES.values()}


def upload_path(photo, filename):
    """Return a name that every storage accepts: 50 characters take at most 200 bytes, and 255 are allowed.

    That leaves room for what Django and attach_resized() add to the name.
    """
    stem, extension = os.path.splitext(filename.encode(errors="ignore").decode())
    stem = re.sub(r"[^-\w.]", "", stem.strip().replace(" ", "_"))[:50].strip(".")
    extension = extension.lower() if extension.lower() in ENDINGS else ""
    return f"uploads/{stem or 'photo'}{extension}"


def resized_path(photo, filename):
    """Each photo has its own folder, because `a.gif` and `a.png` both become `a_resized.png`."""
    return f"resized/{photo.pk}/{filename}"


def resized_storage():
    return storages["resized"]


class PhotoQuerySet(models.QuerySet):
    def resized(self):
        return self.filter(is_processed=True)


class UploadedImage(models.Model):
    class State(models.TextChoices):
        RESIZED = "resized", "Resized"
        FAILED = "failed", "Failed"
        WAITING = "waiting", "Waiting"
        UNQUEUED = "unqueued", "Kept, not queued"

    image = models.ImageField(upload_to=upload_path)
    resized_image = models.ImageField(
        upload_to=resized_path,
        storage=resized_storage,
        width_field="resized_width",
        height_field="resized_height",
        blank=True,
    )
    is_processed = models.BooleanField(default=False)
    failure_reason = models.CharField(max_length=200, blank=True)
    queued_at = models.DateTimeField(null=True, editable=False)
    uploaded_at = models.DateTimeField(auto_now_add=True, db_index=True)
    width = models.PositiveIntegerField(null=True, editable=False)
    height = models.PositiveIntegerField(null=True, editable=False)
    original_bytes = models.PositiveIntegerField(default=0, editable=False)
    resized_width = models.PositiveIntegerField(null=True, editable=False)
    resized_height = models.PositiveIntegerField(null=True, editable=False)
    resized_bytes = models.PositiveIntegerField(default=0, editable=False)
    resize_seconds = models.FloatField(null=True, editable=False)

    objects = PhotoQuerySet.as_manager()

    class Meta:
        ordering = ["-uploaded_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                name="processed_photo_is_complete",
                condition=Q(is_processed=False)
                | ~Q(resized_image="") & Q(failure_reason="", resize_seconds__isnull=False),
                violation_error_message="A processed photo has a resized file, a time and no failure.",
            ),
        ]

    def __str__(self):
        return self.name

    @property
    def name(self):
        return PurePosixPath(str(self.image)).name

    @property
    def state(self):
        if self.is_processed:
            return self.State.RESIZED
        if self.failure_reason:
            return self.State.FAILED
        return self.State.WAITING if self.queued_at else self.State.UNQUEUED

    @property
    def is_pending(self):
        """The photo still has to be resized."""
        return self.state in (self.State.WAITING, self.State.UNQUEUED)

    @property
    def can_be_retried(self):
        """The photo stays as it is unless a new task is sent."""
        return self.state in (self.State.FAILED, self.State.UNQUEUED)

    @property
    def bytes_saved(self):
        return self.original_bytes - self.resized_bytes

    @property
    def saved_percent(self):
        return round(100 * self.bytes_saved / self.original_bytes) if self.original_bytes else 0

    def attach_resized(self, resized, seconds):
        """Store the result of a resize: the file in the storage, the figures in the row.

        seconds: how long the resize took. If the photo was deleted in the meantime, its new file is removed.
        """
        stem = os.path.splitext(self.name)[0]
        name = f"{stem}_resized{resized.extension}"
        # The content needs a name, too. To Django, a file without a name is empty: the row would get no width
        # and height, and Django would open the file on every page that loads the row.
        self.resized_image.save(name, ContentFile(resized.content, name), save=False)
        self.resized_bytes = len(resized.content)
        self.resize_seconds = seconds
        self.is_processed = True
        self.failure_reason = ""
        columns = {name: getattr(self, name) for name in RESIZED_COLUMNS}
        if not UploadedImage.objects.filter(pk=self.pk).update(**columns):
            logger.info("Photo %s was deleted while it was resized.", self.pk)
            self.resized_image.delete(save=False)

    def fail(self, reason):
        """Keep the photo, and the reason why it cannot be resized. A resized photo stays resized."""
        if UploadedImage.objects.filter(pk=self.pk, is_processed=False).update(failure_reason=reason):
            self.failure_reason = reason

    def mark_queued(self):
        """Store when the task was sent. A worker may be writing the other columns, so write only this one.

        The message is on its way, so a database error is not worth an error page.
        """
        self.queued_at = timezone.now()
        try:
            UploadedImage.objects.filter(pk=self.pk).update(queued_at=self.queued_at)
        except DATABASE_ERRORS as error:
            logger.warning("Photo %s is sent, but queued_at is not stored: %s", self.pk, error)

    def reset_for_retry(self):
        """Clear the failure and mark the row as queued.

        Returns False if a worker has resized the photo in the meantime, or if another click came first.
        """
        as_seen = UploadedImage.objects.filter(
            pk=self.pk, is_processed=False, failure_reason=self.failure_reason, queued_at=self.queued_at
        )
        if not as_seen.update(failure_reason="", queued_at=timezone.now()):
            return False
        self.failure_reason, self.queued_at = "", None
        return True

    def delete(self, *args, **kwargs):
        """Delete the row, and its files after the commit, so that no row names a file that is gone."""
        with transaction.atomic():
            # A worker may have resized the photo since this row was read, so look up its files again.
            latest = UploadedImage.objects.select_for_update().filter(pk=self.pk).first() or self
            deleted = super().delete(*args, **kwargs)
            # The row is already deleted, so a storage error is logged instead of causing an error page.
            transaction.on_commit(latest.delete_files, robust=True)
        return deleted

    def delete_files(self):
        for file in (self.image, self.resized_image):
            if file.name:
                file.storage.delete(file.name)
