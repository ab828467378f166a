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
    """The Procfile starts beat once, and its schedule file is in the data folder."""
    line = beats.line(Path.cwd())
    found = beats.schedule_file(line, app)
    expect(
        Path(found).resolve().is_relative_to(Path(os.environ["DATA_DIR"]).resolve()),
        "beat's schedule file is outside the data folder.",
        "Git would see it there, and two copies of the project would share it. Use "
        "CELERY_BEAT_SCHEDULE_FILENAME as it was in the starter, and no --schedule in the Procfile.",
        expected="a file in DATA_DIR",
        found=found,
        file="Procfile or myproject/settings.py",
    )


def test_every_minute(app, scheduled):
    """The schedule has the sweep once a minute."""
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
            "the `schedule` of the sweep cannot be used as a schedule.",
            "A number is a number of seconds.",
            **facts,
        )
    seconds = when.seconds
    expect(
        seconds == 60,
        f"the sweep is due every {when.human_seconds or '0 seconds'}, not every minute.",
        "The first number of a timedelta is a number of days. Write timedelta(seconds=60), or 60."
        if seconds >= 86400
        else "A number is a number of seconds.",
        **facts,
    )


def test_beat_sends_it(app, scheduled, beat):
    """Beat, started as the Procfile says, sends the sweep, and the message says when it expires."""
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
                "beat cannot read the schedule, so it has stopped.",
                "An entry has the keys task, schedule, args, kwargs and options. Options of "
                'apply_async(), such as expires, belong in the dictionary `options`: "options": '
                '{"expires": …}.',
                beat_says=process.last_words,
                file=FILE,
            )
        complain(
            "beat was started as the Procfile says, but it did not send the sweep.",
            "The check used a copy of your schedule in which every entry is due after a second. Read what "
            "beat says, and correct its line in the Procfile.",
            beat_says=process.last_words or "nothing",
            line=f"{beats.line(Path.cwd()).command}",
            file="Procfile",
        )
    expect(
        not message.args and not message.kwargs,
        "the sweep is sent with arguments, but it takes none. Remove args and kwargs from the entry.",
        found=str(message),
        file=FILE,
    )
    expires = message.headers["expires"]
    expect(
        expires,
        "the message of the sweep never expires.",
        "After an hour without a worker, sixty sweeps are in the queue, and all of them run. Add expires "
        "to the `options` of the entry, with 50 seconds.",
        expected="expires: 50 seconds after it was sent",
        found="no expires",
        entry=name,
        file=FILE,
    )
    moment = datetime.fromisoformat(expires)
    left = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()
    expect(
        left < 60,
        "a sweep has not expired yet when the next one is sent.",
        "So sweeps pile up while no worker is running. Set expires to less than the 60 seconds between "
        "two sweeps.",
        expected="50 seconds",
        found=f"{left:.0f} seconds",
        entry=name,
        file=FILE,
    )
    expect(
        left > 3,
        "a sweep expires too soon for a worker that is busy for a moment.",
        "expires is the number of seconds after the sending. A datetime that was computed when the "
        "settings were read is soon in the past. Write 50.",
        expected="50 seconds",
        found=f"{left:.0f} seconds",
        entry=name,
        file=FILE,
    )
