"""Show whether beat catches up on a daily run that was due while beat was not running.

The script starts a real beat, and sets the last run in its schedule file to an earlier time. It changes the
crontab's hour instead of the clock, so that the run was due HOURS hours ago.
"""

import os
import shelve
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

import services
from celery import Celery
from celery.schedules import crontab

QUEUE = "missed"
HOURS, DEADLINE = (float(os.environ.get(name, 0)) for name in ("HOURS", "DEADLINE"))

app = Celery("missed", broker=os.environ.get("REDIS_URL", "redis://localhost:6379/0"))
app.conf.task_default_queue = QUEUE
app.conf.timezone = "Asia/Shanghai"
due = app.now() - timedelta(hours=HOURS)
app.conf.beat_schedule = {
    "report": {"task": "missed.report", "schedule": crontab(hour=due.hour, minute=due.minute)}
}
app.conf.beat_cron_starting_deadline = DEADLINE * 3600 or None


def beat(file, seconds):
    """Run beat for `seconds`, and return how many messages it sent."""
    with app.connection_for_read() as connection:
        client = connection.default_channel.client
        client.delete(QUEUE)
        command = ["-m", "celery", "-A", "missed", "beat", "--schedule", file, "--loglevel", "ERROR"]
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=os.path.dirname(os.path.abspath(__file__)),
            stdout=subprocess.DEVNULL,
        )
        time.sleep(seconds)
        process.terminate()
        process.wait()
        return client.llen(QUEUE)


def set_back(file, days):
    with shelve.open(file, writeback=True) as store:
        for entry in store["entries"].values():
            entry.last_run_at -= timedelta(days=days)


def measure(what, days):
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/schedule"
        if days:
            beat(file, 3)
            set_back(file, days)
        print(f"{what:<50} {beat(file, 4)} sent, then {beat(file, 4)}")


if __name__ == "__main__":
    services.require_broker()
    if HOURS:
        limit = f"deadline {DEADLINE:g} h" if DEADLINE else "no deadline"
        measure(f"last run 3 days ago, due {HOURS:g} h ago, {limit}", 3)
        if not DEADLINE:
            measure(f"no schedule file, due {HOURS:g} h ago, {limit}", 0)
    else:
        for hours, deadline in [(2, 0), (2, 6), (7, 6)]:
            subprocess.run(
                [sys.executable, __file__], env=os.environ | {"HOURS": str(hours), "DEADLINE": str(deadline)}
            )
