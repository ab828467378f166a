import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from workshop import blame
from workshop.checkkit import complain, expect, until

pytestmark = pytest.mark.step("2.1")

SETTINGS = "myproject/settings.py"
CELERY = "myproject/celery.py"

SELF = (
    "bind=True gives a task itself as its first argument: with it there is a self, without it there is none."
)

BY_HAND = """
import json
from celery.app.utils import find_app

app = find_app("myproject")
app.loader.import_default_modules()

from django.apps import apps

print(json.dumps({"django": apps.ready, "timezone": str(app.conf.timezone), "tasks": list(app.tasks)}))
"""


def test_result_backend(app):
    """Results go to the result backend of the settings."""
    found = app.conf.result_backend
    wanted = urlsplit(os.environ["REDIS_URL"])
    names = [name for name in dir(settings) if "RESULT" in name and ("BACKEND" in name or "URL" in name)]
    why = "Without a result backend a task's state is never known: AsyncResult has nobody to ask."
    if not found and names:
        why = (
            f"The settings have {', '.join(names)}. Celery's name is result_backend: with "
            'namespace="CELERY" that is CELERY_RESULT_BACKEND.'
        )
    elif found and found.startswith("rpc"):
        why = (
            "rpc:// sends a result back to the process that sent the task, and keeps none. "
            "The next request may be in another process: for it the task stays PENDING."
        )
    expect(
        found and urlsplit(found)[:2] == wanted[:2],
        "the app does not keep results where the settings say.",
        why,
        expected=f"CELERY_RESULT_BACKEND = {os.environ['REDIS_URL']!r}, from REDIS_URL",
        found=repr(found),
        file=SETTINGS,
    )


def test_json_only(app):
    """Messages and results are JSON, and nothing else is accepted."""
    found = {name: app.conf[name] for name in ("task_serializer", "result_serializer", "accept_content")}
    accepted = found["accept_content"]
    expect(
        not isinstance(accepted, str),
        "CELERY_ACCEPT_CONTENT is one text, not a list.",
        "Celery goes through it one by one, and a text is one letter after the other.",
        expected='CELERY_ACCEPT_CONTENT = ["json"]',
        found=repr(accepted),
        file=SETTINGS,
    )
    expect(
        found["task_serializer"] == found["result_serializer"] == "json"
        and accepted
        and set(accepted) <= {"json", "application/json"},
        "the app takes or sends something else than JSON.",
        "Pickle, for one, runs code that a message brings along: whoever can write to the broker owns the worker.",
        **found,
        file=SETTINGS,
    )


def test_time_zone(app):
    """CELERY_TIMEZONE is Asia/Shanghai, unless the environment has another."""
    found = str(app.conf.timezone)
    expect(
        found == os.environ.get("CELERY_TIMEZONE", "Asia/Shanghai"),
        "the schedule's time zone is not set.",
        "Celery's name is timezone, so the setting is CELERY_TIMEZONE. Without it Celery takes Django's TIME_ZONE.",
        expected='CELERY_TIMEZONE = "Asia/Shanghai", unless the environment has another',
        found=found,
        file=SETTINGS,
    )


def test_loads_by_hand(app):
    """A worker that is started by hand loads Django and finds the tasks of every installed app."""
    environment = os.environ | {"CELERY_TIMEZONE": "Europe/Berlin", "CELERY_SKIP_CHECKS": "1"}
    del environment["DJANGO_SETTINGS_MODULE"]  # nobody sets it in a terminal
    run = subprocess.run(
        [sys.executable, "-c", BY_HAND], env=environment, capture_output=True, text=True, timeout=60
    )
    if run.returncode:
        complain(
            "celery -A myproject, typed by hand, cannot load the project.",
            "In a terminal nothing but myproject/celery.py says which settings to take: "
            'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "myproject.settings").',
            it_says=blame.cause(run.stderr.splitlines(), Path.cwd()),
            file=CELERY,
        )
    found = json.loads(run.stdout.splitlines()[-1])
    expect(
        found["django"],
        "celery -A myproject, typed by hand, does not set up Django.",
        "Celery() looks for DJANGO_SETTINGS_MODULE when the app is made. Set it above, not below.",
        file=CELERY,
    )
    expect(
        "images.tasks.describe_album_task" in found["tasks"],
        "the app does not look for tasks in images/tasks.py.",
        "autodiscover_tasks() looks for a module tasks in every installed app; a list in it names packages, "
        'such as "images". The web process finds the tasks because the views import them. A worker that finds '
        "none says 'Received unregistered task'.",
        found=", ".join(name for name in found["tasks"] if not name.startswith("celery.")) or "no task",
        file=CELERY,
    )
    expect(
        found["timezone"] == "Europe/Berlin",
        "the environment had CELERY_TIMEZONE=Europe/Berlin, and the app did not take it.",
        "As with REDIS_URL: what differs from machine to machine comes from the environment, with a value "
        "for where it is not set.",
        expected='os.environ.get("CELERY_TIMEZONE", "Asia/Shanghai")',
        found=found["timezone"],
        file=SETTINGS,
    )


def test_worker_runs_debug_task(app, worker):
    """A worker starts, knows debug_task and runs it."""
    name = next((name for name in app.tasks if name.rpartition(".")[2] == "debug_task"), None)
    if name is None:
        complain(
            "the app has no debug_task.",
            "@app.task registers a function of this module under the module's name and its own.",
            expected="myproject.celery.debug_task",
            file=CELERY,
        )
    try:
        result = app.tasks[name].delay()
    except TypeError as error:
        complain(
            "debug_task cannot be sent.",
            SELF if "positional argument" in str(error) else "",
            exception=f"TypeError: {error}",
            file=f"{CELERY}, debug_task()",
        )
    until(lambda: f"{name}[{result.id}] succeeded" in worker.log or f"[{result.id}] raised" in worker.log)
    said = "\n".join(line for line in worker.log.splitlines() if result.id in line)
    expect(
        f"{name}[{result.id}] succeeded" in said,
        "debug_task was sent, and the worker did not run it to its end.",
        SELF if "positional argument" in said else "",
        worker_says=said or "nothing",
        file=CELERY,
    )
    expect(
        not app.backend.client.exists(app.backend.get_key_for_task(result.id)),
        "the result of debug_task was kept, though nobody reads it.",
        "ignore_result=True: the worker writes no result, and Redis keeps one entry less.",
        file=f"{CELERY}, debug_task()",
    )
