"""The Celery app. `celery -A myproject` finds it here."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "myproject.settings")

# TODO 2.1: create the Celery app. Let it read the Django settings that begin with CELERY_, and let it find
# the tasks of all installed apps. Then add the task debug_task, with bind=True and ignore_result=True. It
# prints self.request.
