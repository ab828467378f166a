import os
from pathlib import Path

import pytest
from celery.schedules import crontab, maybe_schedule, schedule

from workshop.checkkit import STARTING, complain, expect, task_name, until
from workshop.checkkit import beat as beats

pytestmark = pytest.mark.step("5.1")

FILE = "myproject/settings.py, CELERY_BEAT_SCHEDULE"
TASK = "upkeep.tasks.sweep_task"
EXPECTED = "beat: celery -A myproject beat --loglevel INFO"
ALWAYS = [set(range(60)), set(range(24)), set(range(7)), set(range(1, 32)), set(range(1, 13))]


def test_one_beat(app):
    """The Procfile starts beat once, and beat's schedule file is in the data folder."""
    line = beats.find_service(Path.cwd())
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


def test_expires(scheduled, expires_after):
    """A sweep's message expires before beat sends the next one."""
    expires_after(
        *scheduled(TASK),
        50,
        "50",
        "If expires is 60 or more, a sweep has not expired yet when beat sends the next one, so sweeps pile up "
        "while no worker is running. If expires is much shorter, a worker that is busy for a moment skips the sweep.",
    )


def test_beat_sends_it(app, scheduled, beat):
    """The command in the Procfile starts Celery beat, which sends the sweep and logs it."""
    name, entry = scheduled(TASK)
    process = beat(level="")
    command = beats.find_service(Path.cwd()).command

    def ours():
        messages = [message for found in beat.queue.everything().values() for message in found]
        return next((message for message in messages if message.task == task_name(TASK)), None)

    until(lambda: ours() or process.sending_error(name) or not process.running, STARTING)
    message = ours()
    if not message:
        if "unexpected keyword argument" in process.last_error:
            complain(
                "beat could not read the schedule and stopped.",
                "An entry has the keys task, schedule, args, kwargs and options. Options of "
                'apply_async(), such as expires, belong in the `options` dictionary: "options": '
                '{"expires": 50}.',
                beat_says=process.last_error,
                file=FILE,
            )
        if process.sending_error(name):
            complain(
                "beat could not send the sweep.",
                "Beat's log says why. Correct the entry in CELERY_BEAT_SCHEDULE.",
                beat_says=process.sending_error(name),
                entry=f"{name}: {entry!r}",
                file=FILE,
            )
        said = process.last_error if not process.running else "".join(process.log.splitlines()[-1:])
        complain(
            "beat was started with the command in your Procfile, but it did not send the sweep.",
            "In this check, every entry in your schedule is due after a second. "
            + (
                "Read beat's output below, and correct the schedule entry or the beat line in the Procfile."
                if said
                else "Beat printed nothing. Compare the beat line in the Procfile with the expected one."
            ),
            **({"beat_says": said} if said else {}),
            expected=EXPECTED,
            line=command,
            entry=f"{name}: {entry!r}",
            file="Procfile",
        )
    expect(
        not message.args and not message.kwargs,
        "beat sends arguments to sweep_task, which takes none. Remove args and kwargs from the entry.",
        found=str(message),
        file=FILE,
    )
    expect(
        beats.SENDING in process.log,
        f"beat sent the sweep, but its log does not say {beats.SENDING!r}.",
        "Beat logs each task that it sends at the level INFO, but its default level is WARNING. Without these "
        "lines, you can't tell whether beat sends anything. Add --loglevel INFO to the beat line in the Procfile.",
        expected=EXPECTED,
        line=command,
        file="Procfile",
    )
