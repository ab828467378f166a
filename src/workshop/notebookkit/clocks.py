"""A schedule asked at a moment that is set, instead of waited for."""

import copy
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from celery import Celery, current_app
from celery.schedules import BaseSchedule, maybe_schedule


def clocked(schedule, now: datetime, zone: str | None = None) -> BaseSchedule:
    """A copy of `schedule` for which it is `now`, on a beat whose CELERY_TIMEZONE is `zone`.

    schedule: a crontab, a number of seconds or a timedelta. zone: by default that of the project.
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
    """The moments at which a beat sends that begins at `begin`: up to `end`, and `count` at most.

    begin, end: where they have no time zone of their own, times of `zone`. The answer is in `zone`.
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
