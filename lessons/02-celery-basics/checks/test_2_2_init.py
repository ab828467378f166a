import os
import subprocess
import sys

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
    """A process that only starts Django, as the web server does, has the project's app."""
    run = subprocess.run([sys.executable, "-c", WHO], capture_output=True, text=True, timeout=60)
    found = (run.stdout or run.stderr).strip().splitlines()[-1:]
    expect(
        found == [os.environ["REDIS_URL"]],
        "Django starts without the project's Celery app.",
        "Every process that imports myproject has to import myproject/celery.py with it. Otherwise "
        ".delay() in a view asks Celery's default app, which looks for RabbitMQ and fails: "
        "[Errno 111] Connection refused.",
        expected=f"tasks are sent to {os.environ['REDIS_URL']}",
        found=f"tasks would be sent to {found[0] if found else 'nowhere'}",
        file="myproject/__init__.py",
    )
