"""The finished project's settings, with a visibility timeout that one can wait for.

The project's own is Kombu's hour, looked at every hundred seconds. It has to be longer than the longest task
and all that a worker takes ahead; here that is five photos.
"""

from myproject.settings import *  # noqa: F403
from myproject.settings import CELERY_BROKER_TRANSPORT_OPTIONS, DATABASES

from . import VISIBILITY_TIMEOUT

CELERY_BROKER_TRANSPORT_OPTIONS = CELERY_BROKER_TRANSPORT_OPTIONS | {
    "visibility_timeout": VISIBILITY_TIMEOUT,
    "unacked_restore_interval": 1,  # seconds
    "unacked_restore_throttle": 1,
    # Who looks holds a lock meanwhile. A host may be killed just then: the lock is given up after this.
    "unacked_mutex_expire": 5,  # seconds; 300 where nothing is set
}

# What DATABASE_URL leaves out of the project's own options for SQLite.
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
    }
