import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from workshop.checkkit import complain, expect, until
from workshop.checkkit.celery_app import why_ignored
from workshop.runtime import diagnosis

pytestmark = pytest.mark.step("2.1")

SETTINGS = "myproject/settings.py"
CELERY = "myproject/celery.py"

SELF = "With bind=True, Celery passes the task itself as the first argument, self. Without bind=True, there is no self."

NOT_CALLED = "The parentheses after autodiscover_tasks are missing, so the method is not called."

BY_HAND = """
import json
from celery.app.utils import find_app

app = find_app("myproject")
app.loader.import_default_modules()

from django.apps import apps

print(json.dumps({"django": apps.ready, "timezone": str(app.conf.timezone), "tasks": list(app.tasks)}))
"""


def test_result_backend(app):
    """Results are stored in the configured result backend."""
    found = app.conf.result_backend
    wanted = urlsplit(os.environ["REDIS_URL"])
    why = "Without a result backend, Celery stores no states and no results, so there is nothing for AsyncResult to read."
    if not found:
        why = why_ignored("result_backend") or why
    elif found.startswith("rpc"):
        why = (
            "rpc:// doesn't store a result but sends it to the process that sent the task. "
            "Another process may handle the next request, and in that process the task stays PENDING."
        )
    expect(
        found and urlsplit(found)[:2] == wanted[:2],
        "the app does not store its results in Redis at REDIS_URL.",
        why,
        expected=f"CELERY_RESULT_BACKEND = {os.environ['REDIS_URL']!r}, from REDIS_URL",
        found=repr(found),
        file=SETTINGS,
    )


def test_json_only(app):
    """Messages and results are JSON, and no other format is accepted."""
    found = {name: app.conf[name] for name in ("task_serializer", "result_serializer", "accept_content")}
    accepted = found["accept_content"]
    expect(
        not isinstance(accepted, str),
        "CELERY_ACCEPT_CONTENT is a string, not a list.",
        "Celery loops over this setting, and looping over a string yields single letters.",
        expected='CELERY_ACCEPT_CONTENT = ["json"]',
        found=repr(accepted),
        file=SETTINGS,
    )
    expect(
        found["task_serializer"] == found["result_serializer"] == "json"
        and accepted
        and set(accepted) <= {"json", "application/json"},
        "the app accepts or sends a format other than JSON.",
        "For example, unpickling a message can run any code it contains, so anyone who can write to the broker can "
        "run code in your worker.",
        **found,
        file=SETTINGS,
    )


def test_time_zone(app):
    """CELERY_TIMEZONE is Asia/Shanghai, unless the environment sets another time zone."""
    found = str(app.conf.timezone)
    expect(
        found == os.environ.get("CELERY_TIMEZONE", "Asia/Shanghai"),
        "CELERY_TIMEZONE has the wrong value.",
        why_ignored("timezone")
        or "Celery's timezone setting is named CELERY_TIMEZONE here. If the setting is missing, Celery uses UTC or "
        "Django's TIME_ZONE.",
        expected='"Asia/Shanghai", unless the environment variable CELERY_TIMEZONE is set',
        found=found,
        file=SETTINGS,
    )


def test_loads_by_hand(app):
    """A worker started by hand loads Django and finds the tasks of all installed apps."""
    environment = os.environ | {"CELERY_TIMEZONE": "Europe/Berlin", "CELERY_SKIP_CHECKS": "1"}
    del environment["DJANGO_SETTINGS_MODULE"]  # it is not set in a terminal
    run = subprocess.run(
        [sys.executable, "-c", BY_HAND], env=environment, capture_output=True, text=True, timeout=60
    )
    if run.returncode:
        complain(
            "if you run `celery -A myproject` by hand, it cannot load the project.",
            "When you run celery, only myproject/celery.py tells Django which settings module to load: "
            'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "myproject.settings").',
            it_says=diagnosis.cause(run.stderr.splitlines(), Path.cwd()),
            file=CELERY,
        )
    found = json.loads(run.stdout.splitlines()[-1])
    expect(
        found["django"],
        "if you run `celery -A myproject` by hand, it does not set up Django.",
        "Celery() reads DJANGO_SETTINGS_MODULE when you create the app, so set the variable before that.",
        file=CELERY,
    )
    expect(
        any(re.fullmatch(r"images\.tasks\.(.+\.)?describe_album_task", name) for name in found["tasks"]),
        "the app does not find the tasks in images/tasks.py.",
        NOT_CALLED
        if re.search(r"\.autodiscover_tasks\s*$", Path(CELERY).read_text(), re.MULTILINE)
        else "autodiscover_tasks() imports the `tasks` module of every installed app. If you pass a list, it must contain "
        'package names such as "images". Even without this call, a worker knows the tasks that your views import, because '
        "it imports the views for Django's system checks. But for a task that no view imports, a worker would log "
        "'Received unregistered task'.",
        found=", ".join(name for name in found["tasks"] if not name.startswith("celery.")) or "no task",
        file=CELERY,
    )
    expect(
        found["timezone"] == "Europe/Berlin",
        "CELERY_TIMEZONE=Europe/Berlin was set in the environment, but the app did not use this time zone.",
        "If a value differs between machines, read it from the environment and set a default, as for REDIS_URL.",
        expected='os.environ.get("CELERY_TIMEZONE", "Asia/Shanghai")',
        found=found["timezone"],
        file=SETTINGS,
    )


def test_worker_runs_debug_task(app, worker):
    """A worker runs debug_task, which prints its request."""
    name = next((name for name in app.tasks if name.rpartition(".")[2] == "debug_task"), None)
    if name is None:
        complain(
            "the app has no debug_task.",
            "The decorator @app.task registers a function as a task and names the task after the module and the function.",
            expected="myproject.celery.debug_task",
            file=CELERY,
        )
    try:
        result = app.tasks[name].delay()
    except TypeError as error:
        complain(
            "debug_task could not be sent.",
            SELF if "positional argument" in str(error) else "",
            exception=f"TypeError: {error}",
            file=f"{CELERY}, debug_task()",
        )
    until(lambda: f"{name}[{result.id}] succeeded" in worker.log or f"[{result.id}] raised" in worker.log)
    said = "\n".join(line for line in worker.log.splitlines() if result.id in line)
    expect(
        f"{name}[{result.id}] succeeded" in said,
        "debug_task was sent, but it did not run successfully in the worker.",
        SELF if "positional argument" in said else "",
        worker_says=said or "nothing",
        file=CELERY,
    )
    printed = [line for line in said.splitlines() if "received" not in line and "] succeeded in" not in line]
    expect(
        printed,
        "debug_task did not print its request.",
        "With bind=True, Celery passes the task as self, so you can print its request: "
        'print(f"Request: {self.request!r}").',
        worker_says=said,
        file=f"{CELERY}, debug_task()",
    )
    expect(
        not app.backend.client.exists(app.backend.get_key_for_task(result.id)),
        "the result of debug_task was stored, although nobody reads it.",
        "With ignore_result=True, the worker doesn't store the result.",
        file=f"{CELERY}, debug_task()",
    )
