"""The Celery app. `celery -A myproject` finds it here."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "myproject.settings")

# TODO 2.1: make the app, let it read Django's settings and find the tasks; add a debug_task.
