import csv
import io
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from workshop.checkkit import complain, expect, photos
from workshop.checkkit.photo_rows import mark_resized

pytestmark = pytest.mark.step("5.5")

FILE = "upkeep/reporting.py"
DAY = date(2026, 3, 2)
DAMAGED, AWAY = "This picture is damaged or cut short.", "The photo storage doesn't respond. Try again later."
SMALL = photos.jpeg(80, 60)


@pytest.fixture
def noon(settings):
    """Noon on the report's day, in CELERY_TIMEZONE."""
    return datetime.combine(DAY, time(12), ZoneInfo(settings.CELERY_TIMEZONE))


@pytest.fixture
def row(photo, noon):
    """row(name, uploaded=…, **fields) makes a photo whose row has these values."""

    def make(name="garden.jpg", uploaded=noon, **fields):
        return write(photo(SMALL, name), uploaded_at=uploaded, **fields)

    return make


@pytest.fixture
def resized(row, noon):
    """resized(wait, seconds, saved, name) makes a resized photo. wait and seconds are in seconds, saved is in bytes."""

    def make(wait, seconds, saved=1000, name="garden.jpg", uploaded=noon, **fields):
        kept = row(name, uploaded)
        mark_resized(kept, seconds)
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
    """figures() returns the figures of the report's day, and fails the check if one of them is missing."""
    from upkeep import reporting

    def read():
        found = reporting.figures(DAY)
        names = ["uploads", "failures", "bytes_saved", "slowest", "median_wait", "longest_wait"]
        missing = [name for name in names if name not in found]
        expect(
            not missing,
            "figures() did not return all of the figures.",
            missing=", ".join(missing),
            file=f"{FILE}, figures()",
        )
        return found

    return read


def close(found, expected):
    return found is not None and abs(float(found) - expected) < 0.01


def test_failures(row, resized, figures, noon):
    """The failures are counted by reason, with the most frequent reason first."""
    for reason, times in ((AWAY, 2), (DAMAGED, 5), ("Resizing this photo took too long.", 1)):
        for minute in range(times):
            row(uploaded=noon + timedelta(minutes=minute), failure_reason=reason)
    resized(1, 1)
    row()
    found = [tuple(each) for each in _pairs(figures()["failures"])]
    expected = [(DAMAGED, 5), (AWAY, 2), ("Resizing this photo took too long.", 1)]
    facts = {"expected": _lines(expected), "found": _lines(found) or "none", "file": f"{FILE}, figures()"}
    expect(
        found,
        "eight photos failed on that day, but the report does not mention any of them.",
        "Set `failures` to a list of pairs, each with a reason and its count.",
        **facts,
    )
    expect(
        all(reason for reason, _ in found),
        "photos that did not fail are counted as failures without a reason. Skip photos whose failure_reason "
        "is empty.",
        **facts,
    )
    expect(
        sorted(found) == sorted(expected),
        "the failures are not counted by reason.",
        "Count how often each failure_reason occurs, for example with a Counter. If the database counts, replace the order "
        "of photos_of() with order_by(): a query with annotate() also groups by the columns that it is ordered by.",
        **facts,
    )
    expect(
        found == expected,
        "the most frequent reason does not come first.",
        "Counter.most_common() sorts the reasons by their counts.",
        **facts,
    )


def _pairs(failures):
    pairs = [tuple(each) if isinstance(each, (tuple, list)) else each for each in failures]
    if any(not isinstance(each, tuple) or len(each) != 2 for each in pairs):
        complain(
            "`failures` does not contain pairs.",
            "The template loops with `for reason, count in failures`. Set `failures` to a list of tuples.",
            expected=f"[({DAMAGED!r}, 5), …]",
            found=repr(pairs[:2]),
            file=f"{FILE}, figures()",
        )
    return pairs


def _lines(pairs):
    return "\n".join(f"{count} × {reason}" for reason, count in pairs)


def test_bytes_saved(row, resized, figures):
    """bytes_saved adds up the savings of the resized photos."""
    empty = figures()["bytes_saved"]
    expect(
        empty == 0,
        "no photo was resized on that day, but `bytes_saved` is not 0.",
        "If there are no rows, the database's Sum() is None. Pass default=0 to Sum().",
        expected=0,
        found=repr(empty),
        file=f"{FILE}, figures()",
    )
    resized(1, 1, saved=1000)
    resized(1, 1, saved=2500)
    row(original_bytes=7777)  # waits, so nothing is saved yet
    row(original_bytes=5555, failure_reason=DAMAGED)
    found = figures()["bytes_saved"]
    expect(
        found == 3500,
        "`bytes_saved` is wrong: add up the savings of the resized photos only.",
        "A photo that is waiting or has failed has no resized file, so its row's bytes_saved is its full size."
        if found and found > 3500
        else "",
        expected=3500,
        found=found,
        file=f"{FILE}, figures()",
    )


def test_slowest(row, resized, figures):
    """`slowest` contains the five photos that took longest to resize, with the slowest first."""
    row(), row(failure_reason=DAMAGED)
    only, found = resized(0, 0.1), [photo.pk for photo in figures()["slowest"]]
    expect(
        found == [only.pk],
        "one of three photos was resized on that day, but `slowest` does not contain exactly this photo.",
        "A photo that is waiting or has failed has no resize_seconds. Sort the resized photos only.",
        expected=f"photo {only.pk}",
        found=f"photos {found}",
        file=f"{FILE}, figures()",
    )
    only.delete()
    made = [resized(60 if number == 0 else 0, 0.1 + number / 10) for number in range(7)]
    expected = [photo.pk for photo in reversed(made)][:5]
    found = [getattr(photo, "pk", photo) for photo in figures()["slowest"]]
    expect(
        found == expected,
        "`slowest` should contain the five photos that took longest to resize, with the slowest first.",
        "Sort the resized photos by resize_seconds, which is how long the resize itself took.",
        expected=f"photos {expected}",
        found=f"photos {found}",
        file=f"{FILE}, figures()",
    )


def test_waits(row, resized, figures):
    """The report shows the median and the longest time in the queue, excluding the resize itself."""
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
        "three photos were resized on that day, but waiting_seconds() returned None for them.",
        "The message was sent at queued_at, and the resize was done at resized_at. Compute the time in the "
        "queue from these two times.",
        **facts,
    )
    whys = {
        22: "The time from queued_at to resized_at includes the resize. Subtract resize_seconds.",
        8.5: "A timedelta's `seconds` leaves out fractions of a second. Use total_seconds().",
    }
    default = (
        "Convert resized_at minus queued_at to seconds with total_seconds(), and subtract resize_seconds."
    )
    expect(
        close(found["median_wait"], 2) and close(found["longest_wait"], 9),
        "the queue time in the report is wrong.",
        next((why for longest, why in whys.items() if close(found["longest_wait"], longest)), default),
        **facts,
    )


@pytest.mark.parametrize(("waits", "expected"), [([4, 1, 9, 2], 3), ([5, 2], 3.5), ([6], 6)])
def test_median(resized, figures, waits, expected):
    """If the number of photos is even, the median is the mean of the two in the middle."""
    for wait in waits:
        resized(wait, 1)
    found = figures()["median_wait"]
    expect(
        close(found, expected),
        f"the median of the times {', '.join(map(str, sorted(waits)))} is wrong.",
        "An even number of values has two in the middle, and the median is their mean. Use median() from the module "
        "statistics.",
        expected=expected,
        found=repr(found),
        file=f"{FILE}, figures()",
    )


def test_waits_that_nobody_knows(row, resized, figures):
    """An unknown time in the queue does not count, and no time is below zero."""
    empty = figures()
    expect(
        empty["median_wait"] is None and empty["longest_wait"] is None,
        "no photo was resized on that day, but the report shows a time in the queue.",
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
        "every photo from that day lacks queued_at or resized_at, but the report shows a time in the queue. "
        "Return None for such a photo.",
        expected="None",
        found=f"{found['median_wait']!r}",
        file=f"{FILE}, waiting_seconds()",
    )
    resized(-3, 2)
    found = figures()
    expect(
        found["median_wait"] is not None,
        "a photo was in the queue for 0 seconds, but its time in the queue does not count.",
        "0 is a known time, but `if wait` treats it like None. Compare with None: `wait is not None`.",
        expected="0",
        found="None",
        file=f"{FILE}, figures()",
    )
    expect(
        close(found["median_wait"], 0),
        "a photo's resized_at is before its queued_at, but its time in the queue is not 0.",
        "The clocks of two machines may differ a little, so resized_at may be too early. Return at least 0.",
        expected="0",
        found=found["median_wait"],
        file=f"{FILE}, waiting_seconds()",
    )


def test_that_day_only(row, resized, noon, figures):
    """Photos from other days do not count."""
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
        "the report for one day contains photos from other days.",
        "Get the photos from photos_of(day).",
        expected=expected,
        found=seen,
        file=f"{FILE}, figures()",
    )


def test_mail(row, resized):
    """The email contains the figures as text and as HTML, and a CSV file with one line per photo."""
    from upkeep import reporting

    resized(1, 1.5, name="slow.jpg")
    row("broken.jpg", failure_reason=DAMAGED)
    mail = reporting.message(DAY, "ana@example.com")
    parts = {"text": mail.body, "HTML": mail.alternatives[0][0]}
    for name, content in parts.items():
        for figure in (DAMAGED, "slow.jpg"):
            expect(
                figure in content,
                f"the email's {name} part lacks the reason for a failure or the name of the slowest photo.",
                missing=figure,
                file=f"{FILE}, figures()",
            )
    lines = list(csv.reader(io.StringIO(mail.attachments[0][1])))
    expect(
        len(lines) == 3,
        "the CSV does not contain one line for each photo.",
        found=lines,
        file=f"{FILE}, table()",
    )
