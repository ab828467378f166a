"""Find out what a schedule would do at a given time, without waiting for that time."""

import copy
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from celery import Celery, current_app
from celery.schedules import BaseSchedule, maybe_schedule


def schedule_at(
    schedule: BaseSchedule | float | timedelta, now: datetime, zone: str | None = None
) -> BaseSchedule:
    """Return a copy of `schedule` for which the current time is `now`.

    Args:
        schedule: A crontab, a number of seconds or a timedelta.
        now: The timezone-aware datetime that the schedule uses as the current time.
        zone: The time zone of the schedule (default: the project's time zone).
    """
    schedule = copy.copy(maybe_schedule(schedule))
    schedule.app = Celery(
        set_as_current=False,
        changes={
            "timezone": zone or str(current_app.timezone),
            "beat_cron_starting_deadline": current_app.conf.beat_cron_starting_deadline,
        },
    )
    schedule.nowfun = lambda: now.astimezone(schedule.app.timezone)
    return schedule


def due_times(
    schedule: BaseSchedule | float | timedelta,
    begin: datetime,
    end: datetime | None = None,
    count: int = 2000,
    zone: str | None = None,
) -> list[datetime]:
    """Return the times at which beat would send a task with this schedule if beat started at `begin`.

    Args:
        schedule: A crontab, a number of seconds or a timedelta.
        begin: The time at which beat starts. If this datetime has no time zone, `zone` is used.
        end: The time at which beat stops. If this datetime has no time zone, `zone` is used.
        count: The maximum length of the returned list.
        zone: The time zone of the schedule and of the returned times (default: the project's time zone).
    """
    place = ZoneInfo(zone or str(current_app.timezone))
    now = last = _utc(begin, place)
    end = _utc(end, place) if end else now + timedelta(days=3000)
    times: list[datetime] = []
    while now < end and len(times) < count:
        due, wait = schedule_at(schedule, now, zone).is_due(last.astimezone(place))
        if due:
            times.append(now.astimezone(place))
            last = now
        now += timedelta(seconds=max(wait, 0.001))
    return times


def _utc(moment: datetime, place: ZoneInfo) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=place)).astimezone(UTC)
