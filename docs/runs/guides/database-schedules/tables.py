"""Show what beat does with a schedule in the database, and what a result in the database looks like.

Usage: ./workshop dev runs database-schedules
The script needs django-celery-beat and django-celery-results. It creates its database in a temporary folder.
"""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [
    str(HERE.parents[1] / "explanation"),
    str(HERE.parents[2] / "examples/database-schedules"),
    ".",
]
os.environ["DJANGO_SETTINGS_MODULE"] = "settings_with_tables"
os.environ["PYTHONPATH"] = os.pathsep.join([*sys.path[:3], os.environ.get("PYTHONPATH", "")])
DATA = tempfile.TemporaryDirectory()  # removed when the script ends
os.environ["DATA_DIR"] = DATA.name

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django_celery_beat.models import IntervalSchedule, PeriodicTask  # noqa: E402
from django_celery_results.models import TaskResult  # noqa: E402
from images.tasks import describe_album_task  # noqa: E402
from workers import Worker, redis, until  # noqa: E402

LOG = Path(os.environ["DATA_DIR"], "beat.log")


def beat():
    command = [sys.executable, "-m", "celery", "-A", "myproject", "beat", "--loglevel", "INFO"]
    return subprocess.Popen(command, stdout=LOG.open("a"), stderr=subprocess.STDOUT)


def stop(process):
    """Send SIGTERM until beat exits: Celery's handler raises SystemExit, which a query may swallow."""
    while process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)


def logged(text, count=1):
    return until(lambda: LOG.is_file() and LOG.read_text().count(text) >= count)


def show_rows():
    for row in PeriodicTask.objects.exclude(name="celery.backend_cleanup").order_by("name"):
        schedule = str(row.interval or row.crontab).replace("(m/h/dM/MY/d) ", "")
        print(f"    {row.name:<15} {schedule:<30} expires: {row.expires or row.expire_seconds}")


if __name__ == "__main__":
    redis.flushdb()
    call_command("migrate", verbosity=0)

    first = beat()
    logged("beat: Starting")
    until(lambda: PeriodicTask.objects.count() > 5)
    print("Beat has started, and copied the settings into rows:")
    show_rows()

    sweep = PeriodicTask.objects.get(name="sweep")
    sweep.interval, _ = IntervalSchedule.objects.get_or_create(every=2, period="seconds")
    sweep.save()
    logged("DatabaseScheduler: Schedule changed.")
    logged("Sending due task sweep", 3)
    print("\nA row was changed while beat was running:")
    lines = [line for line in LOG.read_text().splitlines() if re.search("changed|due task sweep", line)]
    print(*(re.sub(r"^\[\S+ (\S+?),\d+: \S+\]", r"    \1", line) for line in lines[:4]), sep="\n")
    stop(first)

    second = beat()
    logged("beat: Starting", 2)
    until(lambda: PeriodicTask.objects.get(name="sweep").interval.every != 2)
    print("\nBeat was restarted:")
    show_rows()
    stop(second)

    with Worker("myproject", "-c", "1", folder="."):
        result = describe_album_task.delay([])
        until(result.ready)
    row = TaskResult.objects.get(task_id=result.id)
    print("\nA result is a row:")
    print(f"    {row.task_name} {row.task_args} {row.status} {row.result}")
