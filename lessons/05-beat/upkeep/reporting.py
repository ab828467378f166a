"""The nightly report: what happened on one day."""

import csv
import io
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone
from images.models import UploadedImage

ZONE = ZoneInfo(settings.CELERY_TIMEZONE)
"""Where the day begins and ends for those who read the report: where the crontab's clock is, too."""


def yesterday():
    # TODO 5.2: which day it is depends on where one looks at the clock.
    return timezone.now().date() - timedelta(days=1)


def bounds(day):
    """The first moment of a day, and the first of the next. Not always 24 hours apart: clocks are changed."""
    begin = datetime.combine(day, time(), UTC)  # TODO 5.2: midnight in ZONE, and the next one.
    return begin, begin + timedelta(hours=24)


def photos_of(day):
    begin, end = bounds(day)
    return UploadedImage.objects.filter(uploaded_at__gte=begin, uploaded_at__lt=end).order_by("uploaded_at")


def figures(day):
    """The numbers of one day."""
    photos = list(photos_of(day))
    resized = [photo for photo in photos if photo.is_processed]
    waits = sorted(wait for photo in resized if (wait := waiting_seconds(photo)) is not None)
    return {
        "day": day,
        "uploads": len(photos),
        "resized": len(resized),
        "waiting": sum(photo.is_pending for photo in photos),
        # TODO 5.4: (reason, how many), the most frequent first; the bytes; the five that took longest.
        "failures": [],
        "bytes_saved": 0,
        "slowest": [],
        "median_wait": median(waits) if waits else None,
        "longest_wait": waits[-1] if waits else None,
    }


def waiting_seconds(photo):
    """How long the photo was in the queue; None where that is not known."""
    # TODO 5.4: from queued_at to resized_at, without the resize itself.
    return None


def table(day):
    """A line for each photo of the day, as CSV."""
    output = io.StringIO()
    lines = csv.writer(output)
    lines.writerow(
        ["photo", "name", "uploaded", "state", "reason", "bytes", "bytes resized", "resize seconds"]
    )
    for photo in photos_of(day).iterator():
        uploaded = photo.uploaded_at.astimezone(ZONE).isoformat(timespec="seconds")
        sizes = [photo.original_bytes, photo.resized_bytes or "", round(photo.resize_seconds or 0, 3) or ""]
        lines.writerow([photo.pk, plain(photo.name), uploaded, photo.state, photo.failure_reason, *sizes])
    return output.getvalue()


def plain(name):
    """A spreadsheet takes what begins with one of these for a formula, and visitors choose the names."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@")) else name


def message(day, recipient):
    """The report of a day to one recipient. Its Message-ID is the same each time it is made."""
    content = figures(day)
    mail = EmailMultiAlternatives(
        subject=f"Photos of {day}: {content['uploads']} uploaded, {content['resized']} resized",
        body=render_to_string("upkeep/report.txt", content),
        to=[recipient],
        headers={"Message-ID": f"<report-{day}-{recipient.replace('@', '-at-')}@photos.example.com>"},
    )
    mail.attach_alternative(render_to_string("upkeep/report.html", content), "text/html")
    mail.attach(f"photos-{day}.csv", table(day), "text/csv")
    return mail
