import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from celery.schedules import crontab, maybe_schedule, schedule

from workshop.checkkit import beat as beats
from workshop.checkkit import complain, expect, until

pytestmark = pytest.mark.step("5.1")

FILE = "myproject/settings.py, CELERY_BEAT_SCHEDULE"
TASK = "upkeep.tasks.sweep_task"
ALWAYS = [set(range(60)), set(range(24)), set(range(7)), set(range(1, 32)), set(range(1, 13))]


def test_one_beat(app):
    """The Procfile starts one beat, whose notes lie in the data folder."""
    line = beats.line(Path.cwd())
    found = beats.schedule_file(line, app)
    expect(
        Path(found).resolve().is_relative_to(Path(os.environ["DATA_DIR"]).resolve()),
        "beat keeps its notes about what it has sent outside the data folder.",
        "They belong to the data: Git would see them, and two copies of the project would share them.",
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
        expect(fields == ALWAYS, "the sweep does not come every minute.", **facts)
        return
    if not isinstance(when, schedule):
        complain("the schedule of the sweep is no schedule.", "A number is a number of seconds.", **facts)
    seconds = when.seconds
    expect(
        seconds == 60,
        f"the sweep comes every {when.human_seconds or '0 seconds'}, not every minute.",
        "The first number of a timedelta is a number of days: timedelta(seconds=60)."
        if seconds >= 86400
        else "A number is a number of seconds.",
        **facts,
    )


def test_beat_sends_it(app, scheduled, beat):
    """A beat that is started as the Procfile says sends the sweep, and the message says until when it is good."""
    name, _ = scheduled(TASK)
    process = beat()

    def ours():
        messages = [message for found in beat.queue.everything().values() for message in found]
        return next((message for message in messages if message.task == TASK), None)

    until(lambda: ours() or not process.running, 30)
    message = ours()
    if not message:
        if "unexpected keyword argument" in process.last_words:
            complain(
                "beat cannot read the schedule, and has ended.",
                "An entry has a task, a schedule, args, kwargs and options. What apply_async() takes, such as expires, "
                'stands in the options: "options": {"expires": …}.',
                beat_says=process.last_words,
                file=FILE,
            )
        complain(
            "beat was started as the Procfile says, and did not send the sweep.",
            "The check had it look at a copy of your schedule in which everything is due after a second.",
            beat_says=process.last_words or "nothing",
            line=f"{beats.line(Path.cwd()).command}",
            file="Procfile",
        )
    expect(
        not message.args and not message.kwargs,
        "the sweep is sent with arguments, and it takes none.",
        found=str(message),
        file=FILE,
    )
    expires = message.headers["expires"]
    expect(
        expires,
        "the message of the sweep is good for ever.",
        "Sixty of them pile up in an hour without a worker, and then all sixty run. The newest is enough: one that is "
        'older than the next can be left. "options" of the entry are those of apply_async(): expires is one.',
        expected="expires: 50 seconds after it was sent",
        found="no expires",
        entry=name,
        file=FILE,
    )
    moment = datetime.fromisoformat(expires)
    left = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()
    expect(
        left < 60,
        "a sweep is still good when the next one is sent.",
        "Then they pile up while no worker is there. It has to expire before the next, a minute later.",
        expected="50 seconds",
        found=f"{left:.0f} seconds",
        entry=name,
        file=FILE,
    )
    expect(
        left > 3,
        "a sweep expires before a worker that is busy for a moment could take it.",
        "expires is a number of seconds from the sending. A moment that was worked out when the settings were read is "
        "in the past soon.",
        expected="50 seconds",
        found=f"{left:.0f} seconds",
        entry=name,
        file=FILE,
    )
