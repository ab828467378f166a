"""The Celery app. `celery -A myproject` finds it here."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "myproject.settings")

# TODO 2.1: create the Celery app. Make it read the Django settings that start with CELERY_ and find the tasks
# of all installed apps. Then add debug_task, a task with bind=True and ignore_result=True that prints
# self.request.
