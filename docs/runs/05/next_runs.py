"""Show what Celery's crontab does at midnight, at the end of a month, and when the clocks change.

python next_runs.py minute | days | clocks | tens
"""

import argparse
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from celery import Celery
from celery.schedules import crontab


def runs(schedule, zone, begin, end):
    """Return the times, in UTC, at which beat sends between `begin` and `end`. These are times in `zone`."""
    app = Celery(set_as_current=False, changes={"timezone": zone})
    now = datetime.fromisoformat(begin).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    end = datetime.fromisoformat(end).replace(tzinfo=ZoneInfo(zone))
    schedule.app, schedule.nowfun = app, lambda: now.astimezone(app.timezone)
    found, last = [], schedule.now()
    while now < end:
        wait = schedule.is_due(last)
        if wait.is_due:
            found.append(now)
            last = schedule.now()
        now += timedelta(seconds=max(wait.next, 0.001))
    return found


def tell(title, schedule, zone, begin, end):
    print(title)
    for each in runs(schedule, zone, begin, end):
        print(f"  {each.astimezone(ZoneInfo(zone)):%a %d %b %H:%M %z}   {each:%a %d %b %H:%M} UTC")


def minute():
    for schedule, name in [
        (crontab(hour=6), "crontab(hour=6)"),
        (crontab(hour=6, minute=0), "crontab(hour=6, minute=0)"),
    ]:
        found = runs(schedule, "Asia/Shanghai", "2026-03-01", "2026-03-02")
        print(f"{name:<26} {len(found):2} runs a day, {found[0]:%H:%M} to {found[-1]:%H:%M} UTC")


def days():
    six, zone = crontab(hour=6, minute=0), "Asia/Shanghai"
    tell("Each day at 6:00 in Shanghai", six, zone, "2026-02-27T12:00", "2026-03-02T12:00")
    first = crontab(hour=0, minute=5, day_of_month=31)
    tell("On the 31st at 0:05", first, zone, "2026-01-30", "2026-06-01")
    sunday = crontab(hour=4, minute=15, day_of_week="sunday")
    tell("Sundays at 4:15", sunday, zone, "2026-02-28", "2026-03-09")


def clocks():
    half = crontab(hour=2, minute=30)
    zone = "Europe/Berlin"
    tell("Each day at 2:30 in Berlin, March", half, zone, "2026-03-27T12:00", "2026-03-31T12:00")
    tell("and in October", half, zone, "2026-10-23T12:00", "2026-10-27T12:00")


def tens():
    ten = crontab(minute="*/10")
    tell(
        "Every ten minutes in Berlin, in October",
        ten,
        "Europe/Berlin",
        "2026-10-25T02:25",
        "2026-10-25T03:15",
    )


if __name__ == "__main__":
    parts = {"minute": minute, "days": days, "clocks": clocks, "tens": tens}
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=parts)
    parts[parser.parse_args().part]()
