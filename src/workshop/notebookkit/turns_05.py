"""The exercises in notebook 05."""

import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from celery import current_app
from celery.schedules import BaseSchedule, crontab, maybe_schedule

from ..checkkit.rows import RESIZED
from .bank import Bank
from .clocks import runs_of
from .turns import expect

CLOCKS_CHANGE = "Europe/Berlin"
COPIES = 10
OUTCOMES = ("sent", "not yet", "failed", "never")
WHY = {
    "a": "Its first message is eleven minutes old, and it gets ten.",
    "b": "It was re-sent once already, so this message gets twenty minutes.",
    "c": "It never had a message, so the time of the upload counts.",
    "d": "It was re-sent three times, and the last message is older than its eighty minutes.",
    "e": "It has failed and has a reason. The sweeper looks only for pending photos.",
}


def turn_1(schedule) -> str:
    expect(
        isinstance(schedule, crontab),
        f"first_monday is a {type(schedule).__name__}. Write a crontab: crontab(minute=…, …).",
    )
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    found = runs_of(schedule, begin, begin + timedelta(days=365), count=60, zone="UTC")
    right = [
        datetime(2026, month, day, 7, 30, tzinfo=UTC)
        for month in range(1, 13)
        for day in range(1, 8)
        if datetime(2026, month, day).weekday() == 0
    ]
    expect(found, "It is never due in 2026.")
    days = [each.date() for each in found]
    expect(
        len(set(days)) == len(days),
        f"On {days[0]:%A %d %B} it runs more than once. A field that you leave out means every: set the "
        "minute and the hour.",
    )
    for day in days:
        expect(
            day.weekday() == 0,
            f'It also runs on {day:%A %d %B}. For Mondays only, set day_of_week="monday" (Sunday is 0).',
        )
        expect(
            day.day <= 7,
            f"It also runs on {day:%A %d %B}. The first Monday is among the first seven days of a month.",
        )
    expect(
        set(days) >= {each.date() for each in right},
        f"It runs {len(days)} times in 2026. All fields have to match, and the 1st is rarely a Monday.",
    )
    expect(
        found == right,
        f"The days are right, but it runs at {found[0]:%H:%M}. Set the time to half past seven.",
    )
    return (
        "Twelve runs in 2026. In Celery's crontab, the day of the month and the day of the week must both "
        "match. In the cron of Unix one of them is enough, so it would run on ten or eleven days a month."
    )


def turn_2(next_run) -> str:
    expect(isinstance(next_run, datetime), f"next_run is {next_run!r}. Write a datetime.")
    expect(next_run.tzinfo, "next_run has no time zone, so its moment is unknown. Add tzinfo=UTC.")
    moment = next_run.astimezone(UTC)
    schedule = crontab(hour=6, minute=0)
    begin = datetime(2026, 3, 28, 12, tzinfo=UTC)
    right = runs_of(schedule, begin, count=1, zone=CLOCKS_CHANGE)[0].astimezone(UTC)
    expect(
        moment != datetime(2026, 3, 28, 22, tzinfo=UTC),
        "That is six o'clock in Shanghai, but CELERY_TIMEZONE is Europe/Berlin now.",
    )
    expect(
        moment != right + timedelta(hours=1),
        "At that moment it is seven in Berlin. The clocks go forward in that night, so 6:00 is two hours "
        "ahead of UTC.",
    )
    expect(
        moment != right + timedelta(hours=2),
        "That is six o'clock in UTC. The times of a crontab are in CELERY_TIMEZONE.",
    )
    expect(moment > begin, "That is before noon of the 28th.")
    berlin = moment.astimezone(ZoneInfo(CLOCKS_CHANGE))
    expect(
        moment == right or f"{berlin:%H:%M}" != "06:00",
        f"That is six o'clock in Berlin, on {berlin:%d %B}. There is an earlier one.",
    )
    expect(moment == right, f"At that moment the clock in Berlin shows {berlin:%H:%M}.")
    return "04:00 UTC. The day before it was 05:00, because the crontab follows the local time."


def turn_3(entry) -> str:
    expect(isinstance(entry, dict), f"entry is a {type(entry).__name__}. Write a dictionary.")
    expect({"task", "schedule"} <= entry.keys(), f'Beat needs "task" and "schedule". You have {list(entry)}.')
    current_app.loader.import_default_modules()
    expect(isinstance(entry["task"], str), "task must be the full task name, as a string.")
    expect(
        entry["task"] in current_app.tasks,
        f'There is no task "{entry["task"]}". A task name is its module and its function.',
    )
    expect(entry["task"] == "upkeep.tasks.sweep_task", "Use the sweep, upkeep.tasks.sweep_task.")
    expect(
        not isinstance(entry["schedule"], crontab),
        "A crontab follows the local time, so it pauses for an hour in October. Use an interval.",
    )
    expect(
        isinstance(entry["schedule"], (int, float, timedelta, BaseSchedule)),
        f"The schedule is {entry['schedule']!r}. Write a number of seconds, a timedelta or a schedule.",
    )
    seconds = maybe_schedule(entry["schedule"]).run_every.total_seconds()
    expect(seconds != 10, "That is every ten seconds, because a number means seconds.")
    expect(seconds == 600, f"It is due every {seconds:g} seconds, not every ten minutes.")
    expect(
        "expires" not in entry,
        'expires is an option of apply_async(), so it belongs in the dictionary "options".',
    )
    expires = (entry.get("options") or {}).get("expires")
    expect(
        expires is not None, "It never expires, so after a night without workers dozens of sweeps would run."
    )
    expires = expires.total_seconds() if isinstance(expires, timedelta) else expires
    expect(isinstance(expires, (int, float)), "Write expires as a number of seconds.")
    expect(expires > 0, "It expires before a worker can start it.")
    expect(
        expires < seconds,
        f"It expires after {expires:g} seconds. The next one is sent after {seconds:g} seconds, so choose "
        "less than that.",
    )
    return (
        "It runs every ten minutes on every day of the year, and after an outage only the newest sweep runs."
    )


def turn_4(cases, predicted) -> str:
    expect(isinstance(predicted, dict), "predicted must stay a dictionary.")
    expect(
        all(predicted.get(name, ...) is not ... for name in cases),
        f"Say for each of {', '.join(cases)} what the sweeper does: {', '.join(OUTCOMES)}.",
    )
    unknown = [value for value in predicted.values() if value not in OUTCOMES]
    expect(not unknown, f"{unknown[:1]} is unknown. Choose from {', '.join(OUTCOMES)}.")
    right = {name: _outcome(columns) for name, columns in cases.items()}
    wrong = [name for name in cases if predicted[name] != right[name]]
    expect(
        not wrong,
        f"{len(cases) - len(wrong)} of {len(cases)} are right. Look at {wrong[0] if wrong else ''} again. "
        f"{WHY.get(wrong[0], '') if wrong else ''}",
    )
    return "Right. The check asked your project's overdue(), in a transaction that was rolled back."


def turn_5(copy) -> str:
    expect(callable(copy), "copy must be a function of two paths, source and target.")
    with tempfile.TemporaryDirectory(prefix="notebook-05-") as folder:
        for busy in (False, True):
            with Bank(Path(folder) / f"bank-{busy}.sqlite3", busy) as bank:
                for number in range(COPIES // 2):
                    target = Path(folder) / f"copy-{busy}-{number}.sqlite3"
                    before = bank.committed
                    copy(bank.file, target)
                    expect(
                        bank.whole,
                        "The database at source is gone. Perhaps source and target are swapped, because "
                        "a.backup(b) copies from a to b.",
                    )
                    expect(
                        not bank.error, f"Other processes could not go on writing, because of {bank.error}."
                    )
                    _examine(target, before)
    return (
        f"{COPIES} copies were made during writes. Each shows one moment of the database, with all that "
        "had been committed."
    )


def _examine(target: Path, before: int) -> None:
    expect(target.is_file(), "There is no file at target.")
    log = target.with_name(f"{target.name}-wal")
    expect(
        not log.exists() or not log.stat().st_size,
        "You have copied two files, one after the other. If SQLite moves pages from the log into the "
        "database in between, one half of the copy is older. It works only while the database is small.",
    )
    try:
        with closing(sqlite3.connect(target)) as database:
            damage = database.execute("PRAGMA integrity_check").fetchone()[0]
            entries = database.execute("SELECT count(*) FROM entry").fetchone()[0]
            total = database.execute("SELECT sum(amount) FROM account").fetchone()[0]
    except sqlite3.DatabaseError as error:
        damage, entries, total = str(error), 0, 0
        if "no such table" in damage:
            damage = "ok"
    expect(damage == "ok", f"A copy is damaged: {damage.splitlines()[0]}.")
    expect(
        entries >= before,
        f"{before - entries} entries are missing that were committed before the copy started. They are "
        "in the write-ahead log beside the file (…-wal).",
    )
    expect(
        total == 0,
        f"The amounts of a copy add up to {total}, not to 0, so one half of it is older than the other. "
        "SQLite moved pages from the log into the file while you copied.",
    )


def _outcome(columns: dict) -> str:
    """Return what the sweeper does with a photo whose row has these values. The row is removed afterwards."""
    from django.conf import settings
    from django.db import transaction
    from django.test import override_settings
    from django.utils import timezone
    from images.models import UploadedImage
    from upkeep.sweeping import overdue

    blank = {"is_processed": False, "failure_reason": "", "sent_again": 0, "queued_at": None}
    with override_settings(SWEEP_AFTER=600, SWEEP_TIMES=3), transaction.atomic():
        row = UploadedImage.objects.create(image="a-case.jpg", width=1, height=1)
        rows = UploadedImage.objects.filter(pk=row.pk)
        rows.update(**blank | (RESIZED if columns.get("is_processed") else {}) | columns)
        found = overdue(timezone.now()).filter(pk=row.pk).first()
        if found:
            outcome = "failed" if found.sent_again >= settings.SWEEP_TIMES else "sent"
        else:
            outcome = "not yet" if UploadedImage.objects.pending().filter(pk=row.pk).exists() else "never"
        transaction.set_rollback(True)
    return outcome
