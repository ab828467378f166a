"""django-tasks with its database backend, on SQLite with the same options as in the lessons.

Tasks: https://pypi.org/project/django-tasks/ · the backend and its worker: https://pypi.org/project/django-tasks-db/
"""

import os
from pathlib import Path

SECRET_KEY = "only for the measurement"
INSTALLED_APPS = ["django_tasks", "django_tasks_db"]
USE_TZ = True
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path(os.environ["DATA_DIR"], "db.sqlite3"),
        "OPTIONS": {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
    }
}
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["default"]}}
