import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from workshop.checkkit import expect

pytestmark = pytest.mark.step("2.2")

WHO = """
import django
django.setup()
from celery import current_app
print(current_app.conf.broker_url or "amqp://guest@localhost//")
"""


def test_django_loads_the_app(app):
    """A process that only starts Django, such as the web server, loads the Celery app."""
    # With this variable, every app would have the same broker, even the default app.
    environment = {name: value for name, value in os.environ.items() if name != "CELERY_BROKER_URL"}
    run = subprocess.run(
        [sys.executable, "-c", WHO], env=environment, capture_output=True, text=True, timeout=60
    )
    found = (run.stdout or run.stderr).strip().splitlines()[-1:]
    init = Path("myproject/__init__.py").read_text()
    why = (
        "Every process that starts Django has to import myproject/celery.py. Otherwise, .delay() in a view uses "
        "Celery's default app, which looks for RabbitMQ and fails with [Errno 111] Connection refused."
    )
    if re.search(r"^\s*(from|import) celery\b", init, re.MULTILINE):
        why = (
            "`import celery` and `from celery import …` import the Celery library, which also contains a module named "
            "`app`. Add a dot to import from your own celery.py: from .celery import app as celery_app."
        )
    expect(
        found == [os.environ["REDIS_URL"]],
        "Django starts without the project's Celery app.",
        why,
        expected=f"tasks are sent to {os.environ['REDIS_URL']}",
        found=f"tasks would be sent to {found[0] if found else 'nowhere'}",
        file="myproject/__init__.py",
    )
