"""Ask a schedule what it would do at a given moment, without waiting."""

import copy
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from celery import Celery, current_app
from celery.schedules import BaseSchedule, maybe_schedule


def clocked(schedule, now: datetime, zone: str | None = None) -> BaseSchedule:
    """Return a copy of `schedule` whose current time is `now`.

    schedule: a crontab, a number of seconds or a timedelta. zone: CELERY_TIMEZONE (default: the project's).
    """
    asked = copy.copy(maybe_schedule(schedule))
    asked.app = Celery(
        set_as_current=False,
        changes={
            "timezone": zone or str(current_app.timezone),
            "beat_cron_starting_deadline": current_app.conf.beat_cron_starting_deadline,
        },
    )
    asked.nowfun = lambda: now.astimezone(asked.app.timezone)
    return asked


def runs_of(
    schedule, begin: datetime, end: datetime | None = None, count: int = 2000, zone: str | None = None
) -> list[datetime]:
    """Return the times at which beat sends if it starts at `begin`, in `zone`.

    begin, end: times without a time zone are in `zone`. count: the maximum number of times.
    """
    place = ZoneInfo(zone or str(current_app.timezone))
    now, last = _utc(begin, place), _utc(begin, place)
    end = _utc(end, place) if end else now + timedelta(days=3000)
    found: list[datetime] = []
    while now < end and len(found) < count:
        due, wait = clocked(schedule, now, zone).is_due(last.astimezone(place))
        if due:
            found.append(now.astimezone(place))
            last = now
        now += timedelta(seconds=max(wait, 0.001))
    return found


def _utc(moment: datetime, place: ZoneInfo) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=place)).astimezone(UTC)
