import copy
import json
import os
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from celery import Celery
from celery.schedules import crontab, maybe_schedule

from workshop.checkkit import complain, expect
from workshop.checkkit.process import start_python

pytestmark = pytest.mark.step("5.2")

FILE = "myproject/settings.py, CELERY_BEAT_SCHEDULE"
REPORTING = "upkeep/reporting.py"
REPORT = "upkeep.tasks.report_task"
DAILY = [
    pytest.param(REPORT, time(6), id="report"),
    pytest.param("upkeep.tasks.back_up_task", time(3, 30), id="backup"),
]
ENDS = [
    pytest.param("Asia/Shanghai", date(2026, 2, 27), id="end of a month"),
    pytest.param("Asia/Shanghai", date(2028, 2, 28), id="leap day"),
    pytest.param("Asia/Shanghai", date(2026, 12, 30), id="end of a year"),
    pytest.param("Europe/Berlin", date(2026, 3, 28), id="clocks go forward"),
    pytest.param("Europe/Berlin", date(2026, 10, 24), id="clocks go back"),
]
QUESTIONS = """
import json, sys, warnings
warnings.simplefilter("ignore")
import django
django.setup()
from datetime import date, datetime
from zoneinfo import ZoneInfo
from django.conf import settings
from upkeep import reporting
zone = ZoneInfo(settings.CELERY_TIMEZONE)
answers = {"bounds": {}}
for _ in range(2):  # the day may end between the two looks
    before = datetime.now(zone).date()
    found = reporting.yesterday()
    if before == datetime.now(zone).date():
        break
answers["today"], answers["yesterday"] = str(before), found.isoformat()
for day in sys.argv[1:]:
    answers["bounds"][day] = [[str(each), each.tzinfo is not None and each.timestamp()]
                              for each in reporting.bounds(date.fromisoformat(day))]
print(json.dumps(answers))
"""


class Clock:
    """One of the project's schedules, with a clock that the check sets."""

    def __init__(self, entry, zone, **conf):
        self.app = Celery("clock", set_as_current=False)
        self.app.conf.update(timezone=zone, **conf)
        self.zone, self.now = ZoneInfo(zone), None
        self.schedule = copy.copy(maybe_schedule(entry["schedule"]))
        for cached in ("tz", "utc_enabled"):
            self.schedule.__dict__.pop(cached, None)
        self.schedule.app, self.schedule.nowfun = self.app, lambda: self.now

    def runs(self, begin, count):
        """Return the next `count` times at which the schedule is due, in local time."""
        self.now, found = begin, []
        for _ in range(count):
            wait = self.schedule.remaining_estimate(self.now)
            self.now = (self.now.astimezone(UTC) + wait).astimezone(self.zone)
            found.append(f"{self.now:%a %Y-%m-%d %H:%M}")
        return found

    def due(self, last, now):
        self.now = now
        return self.schedule.is_due(last).is_due


def crontab_of(scheduled, task):
    name, entry = scheduled(task, first=task == REPORT)  # step 5.6 adds another entry
    when = entry.get("schedule")
    if not isinstance(when, crontab):
        complain(
            f"{task} runs at an interval, not at a fixed time of day.",
            "An interval counts from beat's first start: if beat was first started at ten past four, the task is "
            "always due at ten past four. Use a crontab, which follows the local time.",
            found=f"{name}: schedule {when!r}",
            file=FILE,
        )
    return name, entry


def explain(entry, right):
    """Return the probable reason why a crontab is due at the wrong times."""
    when = entry["schedule"]
    if len(when.minute) == 60:
        return (
            "If you leave out a field of a crontab, it means *, so crontab(hour=6) is due sixty times, every minute "
            "from 6:00 to 6:59. Set the minute, too."
        )
    offset = datetime(2026, 3, 1, tzinfo=ZoneInfo("Asia/Shanghai")).utcoffset()
    elsewhere = (datetime.combine(date(2026, 3, 2), right) - offset).time()
    if when.hour == {elsewhere.hour} and when.minute == {elsewhere.minute}:
        return (
            "You converted the time to UTC by hand. The times of a crontab are already in CELERY_TIMEZONE, "
            "so write the local time. In a time zone with daylight saving time, no fixed offset is right "
            "all year."
        )
    if len(when.hour) == 24:
        return "If you leave out the hour of a crontab, the task is due every hour. Set the hour."
    return "Crontab times are in the time zone CELERY_TIMEZONE."


@pytest.mark.parametrize(("zone", "first"), ENDS)
@pytest.mark.parametrize(("task", "at"), DAILY)
def test_daily(scheduled, task, at, zone, first):
    """The report is due every day at 6:00 and the backup every day at 3:30, in CELERY_TIMEZONE."""
    name, entry = crontab_of(scheduled, task)
    expected = [f"{first + timedelta(days=days):%a %Y-%m-%d} {at:%H:%M}" for days in range(4)]
    found = Clock(entry, zone).runs(datetime.combine(first, time(), ZoneInfo(zone)), 4)
    expect(
        found == expected,
        f"{task} is not due every day at {at:%H:%M}.",
        explain(entry, at),
        expected="\n".join(expected),
        found="\n".join(found),
        zone=zone,
        entry=f"{name}: {entry['schedule']!r}",
        file=FILE,
    )


@pytest.mark.parametrize(("zone", "first"), ENDS)
def test_weekly(scheduled, zone, first):
    """tidy_task is due on Sundays at 4:15."""
    name, entry = crontab_of(scheduled, "upkeep.tasks.tidy_task")
    sunday = first + timedelta(days=6 - first.weekday())
    expected = [f"{sunday + timedelta(weeks=weeks):%a %Y-%m-%d} 04:15" for weeks in range(3)]
    found = Clock(entry, zone).runs(datetime.combine(first, time(), ZoneInfo(zone)), 3)
    expect(
        found == expected,
        "upkeep.tasks.tidy_task is not due on Sundays at 04:15.",
        explain(entry, time(4, 15))
        if len(entry["schedule"].day_of_week) == 1
        else 'If you leave out day_of_week, the task is due every day. Set it to "sunday".',
        expected="\n".join(expected),
        found="\n".join(found),
        zone=zone,
        entry=f"{name}: {entry['schedule']!r}",
        file=FILE,
    )


def test_expires(scheduled, expires_after):
    """A report that no worker has started within six hours is skipped."""
    expires_after(
        *scheduled(REPORT, first=True),
        6 * 3600,
        "6 * 3600",
        "If the worker is down at six, the report waits in the queue. A report at ten in the morning is still "
        "useful, but a report at eleven at night is not. If expires is much shorter, nobody gets the late report.",
    )


def test_zone(app):
    """Beat's schedule uses CELERY_TIMEZONE."""
    expected = os.environ.get("CELERY_TIMEZONE", "Asia/Shanghai")
    expect(
        str(app.timezone) == expected,
        "beat's schedule does not use CELERY_TIMEZONE.",
        "The environment variable CELERY_TIMEZONE contains the readers' time zone. In the settings, leave "
        "CELERY_TIMEZONE as it was in the starter.",
        expected=expected,
        found=str(app.timezone),
        file="myproject/settings.py",
    )


@pytest.mark.parametrize(("hours", "due"), [(5, True), (7, False)])
def test_missed(app, scheduled, hours, due):
    """Beat catches up on a missed report once, but not if it was due more than six hours ago."""
    name, entry = crontab_of(scheduled, REPORT)
    zone = "Asia/Shanghai"
    clock = Clock(entry, zone, beat_cron_starting_deadline=app.conf.beat_cron_starting_deadline)
    last = datetime(2026, 3, 1, 6, tzinfo=clock.zone)
    now = datetime(2026, 3, 2, 6 + hours, tzinfo=clock.zone)
    facts = {
        "CELERY_BEAT_CRON_STARTING_DEADLINE": app.conf.beat_cron_starting_deadline,
        "entry": name,
        "file": "myproject/settings.py",
    }
    expect(
        clock.due(last, now) == due,
        f"beat was stopped and then started again {hours} hours after a report was due. "
        + (
            "Beat did not send the report."
            if due
            else "Beat still sent the report, in the middle of the day."
        ),
        "Set CELERY_BEAT_CRON_STARTING_DEADLINE to 6 * 3600, as it was in the starter.",
        **facts,
    )
    expect(
        not clock.due(now, now + timedelta(seconds=5)), "beat caught up on the same report twice.", **facts
    )


@pytest.fixture(scope="module")
def answers():
    """Run the project's functions in two time zones: Berlin, and one where the date differs from the date in UTC."""
    # Somewhere on Earth it is always another day than in UTC: yesterday in the far west, tomorrow in the far east.
    elsewhere = "Etc/GMT+12" if datetime.now(UTC).hour < 11 else "Pacific/Kiritimati"
    asked = {"Europe/Berlin": ["2026-03-29", "2026-10-25", "2026-12-31"], elsewhere: []}
    running = {
        zone: start_python(QUESTIONS, *days, CELERY_TIMEZONE=zone, TIME_ZONE="UTC")
        for zone, days in asked.items()
    }
    found = {}
    for zone, process in running.items():
        if process.wait():
            complain(
                f"with CELERY_TIMEZONE={zone}, yesterday() or bounds() raised an exception.",
                says=process.log.strip().splitlines()[-1],
                file=REPORTING,
            )
        found[zone] = json.loads(process.log.splitlines()[-1])
    return elsewhere, found


def test_yesterday(answers):
    """yesterday() returns the day before today in CELERY_TIMEZONE."""
    zone, found = answers
    today = date.fromisoformat(found[zone]["today"])
    expected = today - timedelta(days=1)
    expect(
        found[zone]["yesterday"] == str(expected),
        "yesterday() did not return yesterday's date.",
        "timezone.now() is in UTC, and so is its date. localtime(), localdate() and date.today() use "
        "TIME_ZONE or the machine's time zone, unless you pass a time zone. Convert the time to zone() first, and "
        "then take the date.",
        zone=zone,
        today_there=today,
        today_in_UTC=datetime.now(UTC).date(),
        expected=expected,
        found=found[zone]["yesterday"],
        file=f"{REPORTING}, yesterday()",
    )


def test_bounds(answers):
    """A day lasts from midnight to midnight in CELERY_TIMEZONE: 23 or 25 hours when the clocks change."""
    zone = ZoneInfo("Europe/Berlin")
    for day, bounds in answers[1]["Europe/Berlin"]["bounds"].items():
        begin = datetime.combine(date.fromisoformat(day), time(), zone)
        end = datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), zone)
        hours = (end.astimezone(UTC) - begin.astimezone(UTC)).total_seconds() / 3600
        facts = {
            "day": f"{day} in Berlin, {hours:.0f} hours long",
            "expected": f"{begin} to {end}",
            "found": " to ".join(text for text, _ in bounds),
            "file": f"{REPORTING}, bounds()",
        }
        expect(
            all(moment is not False for _, moment in bounds),
            "bounds() returned times without a time zone.",
            "For such times, Django assumes TIME_ZONE and logs a warning. Pass zone() to datetime.combine().",
            **facts,
        )
        found = [moment for _, moment in bounds]
        expect(
            found[0] == begin.timestamp(),
            "the report's day does not start at midnight in CELERY_TIMEZONE.",
            "Midnight is at a different moment in each time zone. Combine the day with midnight in zone(): "
            "datetime.combine(day, time(), zone()).",
            **facts,
        )
        expect(
            found[1] == end.timestamp(),
            "the report's day does not end at the next midnight.",
            "A day has 23 hours when the clocks go forward, and 25 hours when they go back. Compute the next "
            "midnight instead of adding 24 hours.",
            **facts,
        )
