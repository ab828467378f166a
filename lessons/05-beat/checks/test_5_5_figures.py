import csv
import io
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from workshop.checkkit import complain, expect, photos
from workshop.checkkit.rows import finish

pytestmark = pytest.mark.step("5.5")

FILE = "upkeep/reporting.py"
DAY = date(2026, 3, 2)
DAMAGED, AWAY = "This picture is damaged or cut short.", "The photo storage does not answer. Try again later."
SMALL = photos.jpeg(80, 60)


@pytest.fixture
def noon(settings):
    """Noon of the day, far from its ends in any zone."""
    return datetime.combine(DAY, time(12), ZoneInfo(settings.CELERY_TIMEZONE))


@pytest.fixture
def row(photo, noon):
    """row(name, uploaded=…, **fields) is a photo with a row like that."""

    def make(name="garden.jpg", uploaded=noon, **fields):
        return write(photo(SMALL, name), uploaded_at=uploaded, **fields)

    return make


@pytest.fixture
def resized(row, noon):
    """resized(wait, seconds, saved, name) is one that waited and took so many seconds, and saved so many bytes."""

    def make(wait, seconds, saved=1000, name="garden.jpg", uploaded=noon, **fields):
        kept = row(name, uploaded)
        finish(kept, seconds)
        fields = {
            "queued_at": None if wait is None else noon,
            "resized_at": noon + timedelta(seconds=(wait or 0) + seconds),
            "original_bytes": 5000,
            "resized_bytes": 5000 - saved,
        } | fields
        return write(kept, **fields)

    return make


def write(photo, **fields):
    type(photo).objects.filter(pk=photo.pk).update(**fields)
    photo.refresh_from_db()
    return photo


@pytest.fixture
def figures():
    """figures() are those of the day. Complains about one that is missing."""
    from upkeep import reporting

    def read():
        found = reporting.figures(DAY)
        names = ["uploads", "failures", "bytes_saved", "slowest", "median_wait", "longest_wait"]
        missing = [name for name in names if name not in found]
        expect(not missing, "a figure is missing.", missing=", ".join(missing), file=f"{FILE}, figures()")
        return found

    return read


def close(found, expected):
    return found is not None and abs(float(found) - expected) < 0.01


def test_failures(row, resized, figures):
    """The failures are counted by their cause, the most frequent first."""
    for reason, times in ((AWAY, 2), (DAMAGED, 5), ("Resizing this photo took too long.", 1)):
        for _ in range(times):
            row(failure_reason=reason)
    resized(1, 1)
    row()
    found = [tuple(each) for each in _pairs(figures()["failures"])]
    expected = [(DAMAGED, 5), (AWAY, 2), ("Resizing this photo took too long.", 1)]
    facts = {"expected": _lines(expected), "found": _lines(found) or "none", "file": f"{FILE}, figures()"}
    expect(
        found,
        "eight photos failed that day, and the report says nothing about it.",
        "That photos were resized is no news. What failed, and why, is what somebody has to see to.",
        **facts,
    )
    expect(
        all(reason for reason, _ in found),
        "photos that did not fail are counted as failures without a cause.",
        **facts,
    )
    expect(sorted(found) == sorted(expected), "the failures are not counted by their cause.", **facts)
    expect(found == expected, "the most frequent cause does not come first.", **facts)


def _pairs(failures):
    pairs = [tuple(each) if isinstance(each, (tuple, list)) else each for each in failures]
    if any(not isinstance(each, tuple) or len(each) != 2 for each in pairs):
        complain(
            "the failures are no pairs.",
            "The template goes through them: for reason, count in failures.",
            expected=f"[({DAMAGED!r}, 5), …]",
            found=repr(pairs[:2]),
            file=f"{FILE}, figures()",
        )
    return pairs


def _lines(pairs):
    return "\n".join(f"{count} × {reason}" for reason, count in pairs)


def test_bytes_saved(row, resized, figures):
    """The bytes saved are those of the photos that are resized."""
    resized(1, 1, saved=1000)
    resized(1, 1, saved=2500)
    row(original_bytes=7777)  # waits, so nothing is saved yet
    row(original_bytes=5555, failure_reason=DAMAGED)
    found = figures()["bytes_saved"]
    expect(
        found == 3500,
        "the bytes saved are not those that the resized photos have less.",
        "A photo that waits or has failed has no small file, and bytes_saved of its row is all of its bytes."
        if found and found > 3500
        else "",
        expected=3500,
        found=found,
        file=f"{FILE}, figures()",
    )


def test_slowest(resized, figures):
    """The five photos whose resize took longest are named, the slowest first."""
    made = [resized(60 if number == 0 else 0, 0.1 + number / 10) for number in range(7)]
    expected = [photo.pk for photo in reversed(made)][:5]
    found = [getattr(photo, "pk", photo) for photo in figures()["slowest"]]
    expect(
        found == expected,
        "the slowest are not the five photos whose resize took longest.",
        "resize_seconds is the time of the resize alone. In the queue the photo's size does not matter.",
        expected=f"photos {expected}",
        found=f"photos {found}",
        file=f"{FILE}, figures()",
    )


def test_waits(row, resized, figures):
    """The time in the queue: in the middle and at most, without the resize itself."""
    for wait, seconds in ((1, 10), (2, 20), (9, 0.5)):
        resized(wait, seconds)
    found = figures()
    facts = {
        "expected": "2.0 s in the middle, 9.0 s at most",
        "found": f"{found['median_wait']} s in the middle, {found['longest_wait']} s at most",
        "file": f"{FILE}, waiting_seconds()",
    }
    expect(
        found["median_wait"] is not None,
        "three photos were resized that day, and the report does not say how long they waited.",
        "queued_at is when the message was sent, resized_at when all was done.",
        **facts,
    )
    total = close(found["median_wait"], 11) or close(found["longest_wait"], 22)
    expect(
        close(found["median_wait"], 2) and close(found["longest_wait"], 9),
        "the time in the queue is not right.",
        "From queued_at to resized_at is the queue and the resize together. A photo that is large is no sign of too "
        "few workers; one that waits is."
        if total
        else "",
        **facts,
    )


def test_waits_that_nobody_knows(row, resized, figures):
    """A wait that is not known does not count, and none is below zero."""
    empty = figures()
    expect(
        empty["median_wait"] is None and empty["longest_wait"] is None,
        "no photo was resized that day, and the report names a wait.",
        expected="None",
        found=f"{empty['median_wait']!r}, {empty['longest_wait']!r}",
        file=f"{FILE}, figures()",
    )
    resized(None, 1)
    resized(2, 1, resized_at=None)  # from before the column was there
    row(queued_at=datetime.combine(DAY, time(1), ZoneInfo("UTC")))
    found = figures()
    expect(
        found["median_wait"] is None,
        "of no photo of that day both times are known, and the report names a wait.",
        expected="None",
        found=f"{found['median_wait']!r}",
        file=f"{FILE}, waiting_seconds()",
    )
    resized(-3, 2)
    found = figures()
    expect(
        close(found["median_wait"], 0),
        "a photo waited for less than no time.",
        "The clocks of two machines are never quite the same: the worker's may be behind the site's.",
        expected="0",
        found=found["median_wait"],
        file=f"{FILE}, waiting_seconds()",
    )


def test_that_day_only(row, resized, noon, figures):
    """Photos of other days do not count."""
    resized(1, 1)
    for days in (-2, 2):
        other = noon + timedelta(days=days)
        row(uploaded=other, failure_reason=DAMAGED)
        resized(50, 99, uploaded=other)
    found = figures()
    seen = {
        "uploads": found["uploads"],
        "failures": len(_pairs(found["failures"])),
        "bytes_saved": found["bytes_saved"],
        "slowest": len(list(found["slowest"])),
        "longest_wait": found["longest_wait"] and round(found["longest_wait"], 1),
    }
    expected = {"uploads": 1, "failures": 0, "bytes_saved": 1000, "slowest": 1, "longest_wait": 1.0}
    expect(
        seen == expected,
        "photos of other days are in the report of this one.",
        "photos_of(day) are those of the day.",
        expected=expected,
        found=seen,
        file=f"{FILE}, figures()",
    )


def test_mail(row, resized):
    """The mail has the figures as text, as HTML and each photo as a line of CSV."""
    from upkeep import reporting

    resized(1, 1.5, name="slow.jpg")
    row("broken.jpg", failure_reason=DAMAGED)
    mail = reporting.message(DAY, "ana@example.com")
    parts = {"text": mail.body, "HTML": mail.alternatives[0][0]}
    for name, content in parts.items():
        for figure in (DAMAGED, "slow.jpg"):
            expect(
                figure in content,
                f"the {name} of the mail does not name what failed, or what was slow.",
                missing=figure,
                file=f"{FILE}, figures()",
            )
    lines = list(csv.reader(io.StringIO(mail.attachments[0][1])))
    expect(len(lines) == 3, "the CSV has not one line for each photo.", found=lines, file=f"{FILE}, table()")
