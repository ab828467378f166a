"""The nightly report: what happened on one day."""

import csv
import io
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils import timezone
from images.models import UploadedImage


def zone() -> ZoneInfo:
    """The time zone of the report's readers, in which their days start. The crontabs use it as well."""
    return ZoneInfo(settings.CELERY_TIMEZONE)


def yesterday() -> date:
    """The date of yesterday, in the time zone of the readers."""
    # TODO 5.2: convert the current time to zone() before you take its date.
    return timezone.now().date() - timedelta(days=1)


def bounds(day: date) -> tuple[datetime, datetime]:
    """The start of a day, and the start of the next one, 23 to 25 hours later."""
    begin = datetime.combine(day, time(), UTC)  # TODO 5.2: use midnight in zone(), for this day and the next
    return begin, begin + timedelta(hours=24)


def photos_of(day: date) -> QuerySet[UploadedImage]:
    """The photos that were uploaded on that day, oldest first."""
    begin, end = bounds(day)
    return UploadedImage.objects.filter(uploaded_at__gte=begin, uploaded_at__lt=end).order_by("uploaded_at")


def figures(day: date) -> dict:
    """The numbers of one day, for the report's templates. Sizes are in bytes, times in seconds."""
    photos = list(photos_of(day))
    resized = [photo for photo in photos if photo.is_processed]
    waits = sorted(wait for photo in resized if (wait := waiting_seconds(photo)) is not None)
    return {
        "day": day,
        "uploads": len(photos),
        "resized": len(resized),
        "waiting": sum(photo.is_pending for photo in photos),
        # TODO 5.5: "failures" is a list of pairs, each with a reason and its count, starting with the most
        # frequent. "bytes_saved" is the sum of bytes_saved over the resized photos. "slowest" contains the
        # five photos that took longest to resize (resize_seconds), slowest first.
        "failures": [],
        "bytes_saved": 0,
        "slowest": [],
        "median_wait": median(waits) if waits else None,
        "longest_wait": waits[-1] if waits else None,
    }


def waiting_seconds(photo: UploadedImage) -> float | None:
    """How long the photo's last message was in the queue; None if that is not known."""
    # TODO 5.5: return the time from queued_at to resized_at, minus resize_seconds, but at least 0. Return
    # None if queued_at or resized_at is missing.
    return None


def table(day: date) -> str:
    """A line for each photo of the day, as CSV."""
    output = io.StringIO()
    lines = csv.writer(output)
    lines.writerow(
        ["photo", "name", "uploaded", "state", "reason", "bytes", "bytes resized", "resize seconds"]
    )
    for photo in photos_of(day).iterator():
        uploaded = photo.uploaded_at.astimezone(zone()).isoformat(timespec="seconds")
        sizes = [photo.original_bytes, photo.resized_bytes or "", round(photo.resize_seconds or 0, 3) or ""]
        lines.writerow([photo.pk, plain(photo.name), uploaded, photo.state, photo.failure_reason, *sizes])
    return output.getvalue()


def plain(name: str) -> str:
    """The name of a photo as text for a spreadsheet.

    A spreadsheet treats a cell that starts with one of these characters as a formula.
    """
    return f"'{name}" if name.startswith(("=", "+", "-", "@")) else name


def message(day: date, recipient: str) -> EmailMultiAlternatives:
    """The report of a day as an email to one recipient. A second one has the same Message-ID."""
    content = figures(day)
    email = EmailMultiAlternatives(
        subject=f"Photos of {day}: {content['uploads']} uploaded, {content['resized']} resized",
        body=render_to_string("upkeep/report.txt", content),
        to=[recipient],
        headers={"Message-ID": f"<report-{day}-{recipient.replace('@', '-at-')}@photos.example.com>"},
    )
    email.attach_alternative(render_to_string("upkeep/report.html", content), "text/html")
    email.attach(f"photos-{day}.csv", table(day), "text/csv")
    return email
