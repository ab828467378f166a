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
    """resized(wait, seconds, saved, name) is a photo that waited and took so many seconds, and saved so many bytes."""

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
    """figures() returns the figures of the day. Complains about a missing one."""
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
    """The failures are counted by their reason, the most frequent first."""
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
        "eight photos failed that day, but the report does not mention them.",
        "Fill `failures` with pairs of a reason and its count.",
        **facts,
    )
    expect(
        all(reason for reason, _ in found),
        "photos that did not fail are counted as failures without a reason. Skip photos with an empty "
        "failure_reason.",
        **facts,
    )
    expect(sorted(found) == sorted(expected), "the failures are not counted by their reason.", **facts)
    expect(found == expected, "the most frequent reason does not come first.", **facts)


def _pairs(failures):
    pairs = [tuple(each) if isinstance(each, (tuple, list)) else each for each in failures]
    if any(not isinstance(each, tuple) or len(each) != 2 for each in pairs):
        complain(
            "`failures` does not contain pairs.",
            "The template loops over them with `for reason, count in failures`. Write a list of tuples.",
            expected=f"[({DAMAGED!r}, 5), …]",
            found=repr(pairs[:2]),
            file=f"{FILE}, figures()",
        )
    return pairs


def _lines(pairs):
    return "\n".join(f"{count} × {reason}" for reason, count in pairs)


def test_bytes_saved(row, resized, figures):
    """bytes_saved is the sum for the resized photos."""
    resized(1, 1, saved=1000)
    resized(1, 1, saved=2500)
    row(original_bytes=7777)  # waits, so nothing is saved yet
    row(original_bytes=5555, failure_reason=DAMAGED)
    found = figures()["bytes_saved"]
    expect(
        found == 3500,
        "`bytes_saved` is wrong: add up the savings of the resized photos only.",
        "A photo that waits or has failed has no resized file, so bytes_saved of its row is its full size."
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
        "`slowest` does not contain the five photos whose resize took longest.",
        "Sort the resized photos by resize_seconds, the time of the resize alone, without the queue.",
        expected=f"photos {expected}",
        found=f"photos {found}",
        file=f"{FILE}, figures()",
    )


def test_waits(row, resized, figures):
    """The time in the queue: median and longest, without the resize itself."""
    for wait, seconds in ((1, 10), (2, 20), (9, 0.5)):
        resized(wait, seconds)
    found = figures()
    facts = {
        "expected": "2.0 s median, 9.0 s longest",
        "found": f"{found['median_wait']} s median, {found['longest_wait']} s longest",
        "file": f"{FILE}, waiting_seconds()",
    }
    expect(
        found["median_wait"] is not None,
        "three photos were resized that day, but waiting_seconds() returned None for them.",
        "queued_at is the time at which the message was sent, and resized_at the time at which the photo "
        "was ready.",
        **facts,
    )
    total = close(found["median_wait"], 11) or close(found["longest_wait"], 22)
    expect(
        close(found["median_wait"], 2) and close(found["longest_wait"], 9),
        "the time in the queue is wrong.",
        "From queued_at to resized_at is the queue and the resize together. Subtract resize_seconds."
        if total
        else "",
        **facts,
    )


def test_waits_that_nobody_knows(row, resized, figures):
    """An unknown time in the queue does not count, and none is below zero."""
    empty = figures()
    expect(
        empty["median_wait"] is None and empty["longest_wait"] is None,
        "no photo was resized that day, but the report has a time in the queue.",
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
        "queued_at or resized_at is missing in each photo of that day, but the report has a time in the "
        "queue. Return None for such a photo.",
        expected="None",
        found=f"{found['median_wait']!r}",
        file=f"{FILE}, waiting_seconds()",
    )
    resized(-3, 2)
    found = figures()
    expect(
        close(found["median_wait"], 0),
        "the time in the queue of a photo is below 0.",
        "The clocks of two machines differ a little, so resized_at may be too early. Return at least 0.",
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
        "photos of other days are in the report of this day.",
        "Use photos_of(day).",
        expected=expected,
        found=seen,
        file=f"{FILE}, figures()",
    )


def test_mail(row, resized):
    """The email has the figures as text and as HTML, and each photo as a line of CSV."""
    from upkeep import reporting

    resized(1, 1.5, name="slow.jpg")
    row("broken.jpg", failure_reason=DAMAGED)
    mail = reporting.message(DAY, "ana@example.com")
    parts = {"text": mail.body, "HTML": mail.alternatives[0][0]}
    for name, content in parts.items():
        for figure in (DAMAGED, "slow.jpg"):
            expect(
                figure in content,
                f"the {name} of the email does not contain the reason of a failure, or the name of the slowest photo.",
                missing=figure,
                file=f"{FILE}, figures()",
            )
    lines = list(csv.reader(io.StringIO(mail.attachments[0][1])))
    expect(
        len(lines) == 3,
        "the CSV does not have one line for each photo.",
        found=lines,
        file=f"{FILE}, table()",
    )
