"""Check exercises about beat's schedule."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from celery import current_app
from celery.schedules import BaseSchedule, crontab, maybe_schedule

from workshop.checkkit import expect
from workshop.notebookkit.schedules import due_times

from .answers import expect_number, expect_type

ZONE = "Europe/Berlin"
INTERVAL = 600
"""The number of seconds between two sweeps."""


def first_monday(schedule) -> str:
    """Check exercise 5.1: a crontab for half past seven on the first Monday of each month."""
    expect_type("first_monday", schedule, crontab, "a crontab, such as crontab(minute=…, hour=…)")
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    times = due_times(schedule, begin, begin + timedelta(days=365), count=60, zone="UTC")
    right = [
        datetime(2026, month, day, 7, 30, tzinfo=UTC)
        for month in range(1, 13)
        for day in range(1, 8)
        if datetime(2026, month, day).weekday() == 0
    ]
    expect(times, "Your crontab is never due in 2026.")
    days = [time.date() for time in times]
    expect(
        len(set(days)) == len(days),
        f"On {days[0]:%A, %B %d}, the task runs more than once. A field that you leave out means every "
        "minute or every hour, so set both the minute and the hour.",
    )
    for day in days:
        expect(
            day.weekday() == 0,
            f'The task also runs on {day:%A, %B %d}. For Mondays only, set day_of_week="monday".',
        )
        expect(
            day.day <= 7,
            f"The task also runs on {day:%A, %B %d}. The first Monday is always one of the first seven days "
            "of a month.",
        )
    expect(
        len(days) == len(right),
        f"The task runs {len(days)} times in 2026, not 12 times. All fields have to match, but the 1st of a "
        "month is rarely a Monday.",
    )
    expect(
        times == right,
        f"The days are right, but the task runs at {times[0]:%H:%M}. Set the time to half past seven.",
    )
    return (
        "The task runs twelve times in 2026. In Celery's crontab, the day of the month and the day "
        "of the week must both match. In Unix cron, one match is enough, so the task would run on ten or "
        "eleven days a month."
    )


def another_time_zone(next_run) -> str:
    """Check exercise 5.2: the next run of a crontab on the day when the clocks change."""
    expect_type("next_run", next_run, datetime, "a datetime")
    expect(next_run.tzinfo, "next_run has no time zone, so the moment is ambiguous. Add tzinfo=UTC.")
    moment = next_run.astimezone(UTC)
    begin = datetime(2026, 3, 28, 12, tzinfo=UTC)
    right = due_times(crontab(hour=6, minute=0), begin, count=1, zone=ZONE)[0].astimezone(UTC)
    expect(
        moment != datetime(2026, 3, 28, 22, tzinfo=UTC),
        "Your time is six o'clock in Shanghai, but CELERY_TIMEZONE is now Europe/Berlin.",
    )
    expect(
        moment != right + timedelta(hours=1),
        "At that moment, it is seven o'clock in Berlin. The clocks go forward that night, so Berlin is two "
        "hours ahead of UTC.",
    )
    expect(
        moment != right + timedelta(hours=2),
        "Your time is six o'clock in UTC, but crontab times are in the time zone CELERY_TIMEZONE.",
    )
    expect(moment > begin, "Your time must be after 12:00 UTC on March 28.")
    berlin = moment.astimezone(ZoneInfo(ZONE))
    expect(
        moment == right or f"{berlin:%H:%M}" != "06:00",
        f"Your time is six o'clock in Berlin on {berlin:%B %d}, but there is an earlier run.",
    )
    expect(moment == right, f"At that moment, it is {berlin:%H:%M} in Berlin, not 6:00.")
    return (
        "The next run is at 04:00 UTC. The day before, the run was at 05:00 UTC, because a crontab follows "
        "local time."
    )


def every_ten_minutes(entry) -> str:
    """Check exercise 5.3: a schedule entry that sends a sweep every ten minutes and sets an expiry time."""
    expect_type("entry", entry, dict, "a dictionary")
    expect(
        {"task", "schedule"} <= entry.keys(),
        f'Beat needs the keys "task" and "schedule". Your entry has the keys {list(entry)}.',
    )
    _expect_sweep(entry["task"])
    schedule = entry["schedule"]
    expect(
        not isinstance(schedule, crontab),
        "A crontab follows local time, so the sweeps would pause for an hour in October. Use an interval "
        "instead.",
    )
    kinds = (int, float, timedelta, BaseSchedule)
    expect_type("schedule", schedule, kinds, "a number of seconds, a timedelta or a schedule object")
    seconds = maybe_schedule(schedule).run_every.total_seconds()
    expect(seconds != 10, "Your sweep is due every ten seconds, because a plain number means seconds.")
    expect(seconds == INTERVAL, f"Your sweep is due every {seconds:g} seconds, not every ten minutes.")
    expect(
        "expires" not in entry,
        'expires is an option of apply_async(), so it belongs in the "options" dictionary.',
    )
    expires = (entry.get("options") or {}).get("expires")
    expect(
        expires is not None,
        "Your sweeps never expire, so after a night without workers, dozens of sweeps would run.",
    )
    expires = expires.total_seconds() if isinstance(expires, timedelta) else expires
    expect_number("expires", expires, "a number of seconds")
    expect(expires > 0, "Your sweep expires before a worker can start it.")
    expect(
        expires < INTERVAL,
        f"Your sweep expires after {expires:g} seconds, but the next sweep is sent after {INTERVAL} "
        "seconds. Set expires to a shorter time than the interval.",
    )
    return (
        "The sweep runs every ten minutes, on every day of the year. After an outage, only the newest "
        "sweep runs."
    )


def _expect_sweep(task) -> None:
    current_app.loader.import_default_modules()
    expect_type("task", task, str, "the full task name, as a string")
    expect(
        task in current_app.tasks,
        f'There is no task "{task}". A task name consists of the names of the module and the function.',
    )
    expect(
        task == "upkeep.tasks.sweep_task",
        "The entry should send the sweep task, upkeep.tasks.sweep_task.",
    )
