"""The exercises for notebook 05."""

import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from celery import current_app
from celery.schedules import BaseSchedule, crontab, maybe_schedule

from workshop.checkkit.photo_rows import RESIZED

from .bank import Bank
from .clocks import runs_of
from .turns import expect

CLOCKS_CHANGE = "Europe/Berlin"
COPIES = 10
OUTCOMES = ("sent", "not yet", "failed", "never")
WHY = {
    "a": "The photo's first message is eleven minutes old, and the sweeper waits only ten minutes.",
    "b": "The photo was already re-sent once, so the sweeper waits twenty minutes for this message.",
    "c": "The photo never had a message, so the sweeper uses the time of the upload.",
    "d": "The photo was re-sent three times, and its last message is more than eighty minutes old.",
    "e": "The photo has failed and has a reason. The sweeper looks only for pending photos.",
}


def turn_1(schedule) -> str:
    expect(
        isinstance(schedule, crontab),
        f"first_monday is of type {type(schedule).__name__}. Write a crontab: crontab(minute=…, …).",
    )
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    found = runs_of(schedule, begin, begin + timedelta(days=365), count=60, zone="UTC")
    right = [
        datetime(2026, month, day, 7, 30, tzinfo=UTC)
        for month in range(1, 13)
        for day in range(1, 8)
        if datetime(2026, month, day).weekday() == 0
    ]
    expect(found, "Your crontab is never due in 2026.")
    days = [each.date() for each in found]
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
        set(days) >= {each.date() for each in right},
        f"The number of runs in 2026 is {len(days)}, not 12. All fields have to match, and the 1st is rarely "
        "a Monday.",
    )
    expect(
        found == right,
        f"The days are right, but the task runs at {found[0]:%H:%M}. Set the time to half past seven.",
    )
    return (
        "The task runs twelve times in 2026. In Celery's crontab, the day of the month and the day "
        "of the week must both match. In Unix cron, one match is enough, so the task would run on ten or "
        "eleven days a month."
    )


def turn_2(next_run) -> str:
    expect(isinstance(next_run, datetime), f"next_run is {next_run!r}, but it must be a datetime.")
    expect(next_run.tzinfo, "next_run has no time zone, so the moment is ambiguous. Add tzinfo=UTC.")
    moment = next_run.astimezone(UTC)
    schedule = crontab(hour=6, minute=0)
    begin = datetime(2026, 3, 28, 12, tzinfo=UTC)
    right = runs_of(schedule, begin, count=1, zone=CLOCKS_CHANGE)[0].astimezone(UTC)
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
        "Your time is six o'clock in UTC, but the times of a crontab are in CELERY_TIMEZONE.",
    )
    expect(moment > begin, "Your time is not after noon on the 28th.")
    berlin = moment.astimezone(ZoneInfo(CLOCKS_CHANGE))
    expect(
        moment == right or f"{berlin:%H:%M}" != "06:00",
        f"Your time is six o'clock in Berlin, on {berlin:%B %d}. But there is a run before that.",
    )
    expect(moment == right, f"At that moment, it is {berlin:%H:%M} in Berlin, not 6:00.")
    return (
        "The next run is at 04:00 UTC. On the day before, the run was at 05:00 UTC, because a crontab "
        "follows the local time."
    )


def turn_3(entry) -> str:
    expect(isinstance(entry, dict), f"entry is of type {type(entry).__name__}, but it must be a dictionary.")
    expect(
        {"task", "schedule"} <= entry.keys(),
        f'Beat needs the keys "task" and "schedule". Your entry has the keys {list(entry)}.',
    )
    current_app.loader.import_default_modules()
    expect(isinstance(entry["task"], str), "The value of task must be the full task name, as a string.")
    expect(
        entry["task"] in current_app.tasks,
        f'There is no task "{entry["task"]}". A task name consists of the module and the function.',
    )
    expect(
        entry["task"] == "upkeep.tasks.sweep_task",
        "The entry should send the sweep, which is upkeep.tasks.sweep_task.",
    )
    expect(
        not isinstance(entry["schedule"], crontab),
        "A crontab follows the local time, so the sweeps would pause for an hour in October. Use an "
        "interval.",
    )
    expect(
        isinstance(entry["schedule"], (int, float, timedelta, BaseSchedule)),
        f"The value of schedule is {entry['schedule']!r}, but it must be a number of seconds, a timedelta "
        "or a schedule object.",
    )
    seconds = maybe_schedule(entry["schedule"]).run_every.total_seconds()
    expect(seconds != 10, "Your sweep is due every ten seconds, because a plain number is in seconds.")
    expect(seconds == 600, f"Your sweep is due every {seconds:g} seconds, not every ten minutes.")
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
    expect(isinstance(expires, (int, float)), "Set expires to a number of seconds.")
    expect(expires > 0, "Your sweep expires before a worker can start it.")
    expect(
        expires < seconds,
        f"Your sweep expires after {expires:g} seconds, but the next sweep is sent after {seconds:g} "
        "seconds. Set expires to less than the interval.",
    )
    return (
        "The sweep runs every ten minutes, on every day of the year. After an outage, only the newest "
        "sweep runs."
    )


def turn_4(cases, predicted) -> str:
    expect(isinstance(predicted, dict), "predicted must be a dictionary. Change only the values.")
    expect(
        all(predicted.get(name, ...) is not ... for name in cases),
        f"For each photo ({', '.join(cases)}), write what the sweeper does: {', '.join(OUTCOMES)}.",
    )
    unknown = [value for value in predicted.values() if value not in OUTCOMES]
    expect(not unknown, f"{unknown[:1]} is not a possible prediction. Choose one of {', '.join(OUTCOMES)}.")
    right = {name: _outcome(columns) for name, columns in cases.items()}
    wrong = [name for name in cases if predicted[name] != right[name]]
    expect(
        not wrong,
        f"{len(cases) - len(wrong)} of {len(cases)} predictions are right. Look at photo "
        f"{wrong[0] if wrong else ''} again. {WHY.get(wrong[0], '') if wrong else ''}",
    )
    return "The check called your project's overdue() in a transaction, and then rolled the transaction back."


def turn_5(copy) -> str:
    expect(callable(copy), "copy must be a function that takes two paths, source and target.")
    with tempfile.TemporaryDirectory(prefix="notebook-05-") as folder:
        for busy in (False, True):
            with Bank(Path(folder) / f"bank-{busy}.sqlite3", busy) as bank:
                for number in range(COPIES // 2):
                    target = Path(folder) / f"copy-{busy}-{number}.sqlite3"
                    before = bank.committed
                    copy(bank.file, target)
                    expect(
                        bank.whole,
                        "The database at source is gone. Perhaps you swapped source and target: "
                        "a.backup(b) copies from a to b.",
                    )
                    expect(
                        not bank.error,
                        f"While you were copying, writes to the database failed: {bank.error}.",
                    )
                    _examine(target, before)
    return (
        f"The check made {COPIES} copies while a writer was changing the database. Each copy shows "
        "the database at a single moment, with everything that had been committed before."
    )


def _examine(target: Path, before: int) -> None:
    expect(target.is_file(), "After copying, there is no file at target.")
    log = target.with_name(f"{target.name}-wal")
    expect(
        not log.exists() or not log.stat().st_size,
        "You copied two files, one after the other. If SQLite moves pages from the log to the database "
        "between the two copies, part of the copy is out of date. Copying both files works only while the "
        "database is small.",
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
    expect(damage == "ok", f"One of the copies is damaged: {damage.splitlines()[0]}.")
    expect(
        entries >= before,
        f"Your copy lacks {before - entries} entries that were committed before the copy started. These "
        "entries are in the write-ahead log next to the database file (…-wal).",
    )
    expect(
        total == 0,
        f"The amounts in one of the copies add up to {total}, not to 0, so part of this copy is older than "
        "the rest. SQLite moved pages from the log to the database file while you were copying it.",
    )


def _outcome(columns: dict) -> str:
    """Return what the sweeper does with a photo whose row has these values. The row is then rolled back."""
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
