import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from celery.schedules import crontab, maybe_schedule, schedule

from workshop.checkkit import beat as beats
from workshop.checkkit import complain, expect, task_name, until

pytestmark = pytest.mark.step("5.1")

FILE = "myproject/settings.py, CELERY_BEAT_SCHEDULE"
TASK = "upkeep.tasks.sweep_task"
ALWAYS = [set(range(60)), set(range(24)), set(range(7)), set(range(1, 32)), set(range(1, 13))]


def test_one_beat(app):
    """The Procfile starts beat once, and beat's schedule file is in the data folder."""
    line = beats.line(Path.cwd())
    found = beats.schedule_file(line, app)
    expect(
        Path(found).resolve().is_relative_to(Path(os.environ["DATA_DIR"]).resolve()),
        "beat's schedule file is outside the data folder.",
        "Git would track the file there, and two copies of the project would share it. Keep the starter's "
        "CELERY_BEAT_SCHEDULE_FILENAME, and don't pass --schedule in the Procfile.",
        expected="a file in DATA_DIR",
        found=found,
        file="Procfile or myproject/settings.py",
    )


def test_every_minute(app, scheduled):
    """The schedule sends the sweep once a minute."""
    name, entry = scheduled(TASK)
    given = entry.get("schedule")
    facts = {"expected": "60 (seconds)", "found": f"{name}: schedule {given!r}", "file": FILE}
    try:
        when = maybe_schedule(given, app=app)
    except AttributeError:
        when = None
    if isinstance(when, crontab):
        fields = [when.minute, when.hour, when.day_of_week, when.day_of_month, when.month_of_year]
        expect(fields == ALWAYS, "the sweep is not due every minute.", **facts)
        return
    if not isinstance(when, schedule):
        complain(
            "the sweep's `schedule` is not a valid schedule.",
            "Write the number of seconds, without quotation marks.",
            **facts,
        )
    seconds = when.seconds
    expect(
        seconds == 60,
        f"the sweep is due every {when.human_seconds or '0 seconds'}, not every minute.",
        "The first argument of timedelta is in days. Write timedelta(seconds=60) or 60."
        if seconds >= 86400
        else "A plain number is in seconds, so write 60.",
        **facts,
    )


def test_beat_sends_it(app, scheduled, beat):
    """Beat, started with the command in the Procfile, sends the sweep, and the message has an expiry time."""
    name, _ = scheduled(TASK)
    process = beat()

    def ours():
        messages = [message for found in beat.queue.everything().values() for message in found]
        return next((message for message in messages if message.task == task_name(TASK)), None)

    until(lambda: ours() or not process.running, 30)
    message = ours()
    if not message:
        if "unexpected keyword argument" in process.last_words:
            complain(
                "beat could not read the schedule and stopped.",
                "An entry has the keys task, schedule, args, kwargs and options. Options of "
                'apply_async(), such as expires, belong in the `options` dictionary: "options": '
                '{"expires": 50}.',
                beat_says=process.last_words,
                file=FILE,
            )
        complain(
            "beat was started with the command in your Procfile, but it did not send the sweep.",
            "In this check, every entry in your schedule is due after a second. Read beat's output below, "
            "and correct the beat line in the Procfile.",
            beat_says=process.last_words or "nothing",
            line=f"{beats.line(Path.cwd()).command}",
            file="Procfile",
        )
    expect(
        not message.args and not message.kwargs,
        "beat sends arguments to sweep_task, which takes none. Remove args and kwargs from the entry.",
        found=str(message),
        file=FILE,
    )
    expires = message.headers["expires"]
    expect(
        expires,
        "the sweep's message never expires.",
        "After an hour without a worker, sixty sweeps are in the queue, and all of them run. In the "
        "entry's `options`, set expires to 50 seconds.",
        expected="expires 50 seconds after the message was sent",
        found="never expires",
        entry=name,
        file=FILE,
    )
    moment = datetime.fromisoformat(expires)
    left = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()
    expect(
        left < 60,
        "a sweep has not expired yet when beat sends the next one.",
        "While no worker is running, sweeps pile up. Set expires to less than 60 seconds, the interval "
        "between two sweeps.",
        expected="50 seconds",
        found=f"{left:.0f} seconds",
        entry=name,
        file=FILE,
    )
    expect(
        left > 3,
        "the sweep expires too soon: a worker that is busy for a moment would skip it.",
        "Write 50, the number of seconds after which a sent message expires. A datetime is computed only "
        "once, when the settings are read, so it is soon in the past.",
        expected="50 seconds",
        found=f"{left:.0f} seconds",
        entry=name,
        file=FILE,
    )
