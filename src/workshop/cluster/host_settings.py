"""The settings of the finished project, but with a visibility timeout that is short enough to wait for.

The project uses Kombu's default timeout of one hour, and workers look for lost messages every 100 seconds.
The timeout has to be longer than the time that a worker needs for its current task and all prefetched
messages. In this simulation, a worker has one current task and four prefetched messages.
"""

from myproject.settings import *  # noqa: F403
from myproject.settings import CELERY_BROKER_TRANSPORT_OPTIONS, DATABASES

from workshop.cluster import VISIBILITY_TIMEOUT

CELERY_BROKER_TRANSPORT_OPTIONS = CELERY_BROKER_TRANSPORT_OPTIONS | {
    "visibility_timeout": VISIBILITY_TIMEOUT,
    "unacked_restore_interval": 1,  # seconds
    "unacked_restore_throttle": 1,
    # A worker holds a lock while it looks for lost messages. If the worker is killed, the lock expires.
    "unacked_mutex_expire": 5,  # seconds; the default is 300
}

# Repeat the project's SQLite options here, because DATABASE_URL doesn't include them.
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
    }
