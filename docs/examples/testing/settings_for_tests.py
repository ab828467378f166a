"""The project's settings, but with a separate database, photo folder and broker for each test run."""

import os
import socket
import tempfile
from pathlib import Path


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"redis://localhost:{probe.getsockname()[1]}/0"


# The worker is a separate process with the same settings. The fixture `worker` sets both variables for it.
TEST_DATA_DIR = Path(os.environ.get("TEST_DATA_DIR") or tempfile.mkdtemp(prefix="tests-"))
TEST_REDIS_URL = os.environ.get("TEST_REDIS_URL") or free_address()

# Celery reads the last two variables itself, and prefers them to the settings.
os.environ |= dict.fromkeys(("REDIS_URL", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"), TEST_REDIS_URL)
os.environ["DATA_DIR"] = str(TEST_DATA_DIR)

from myproject.settings import *  # noqa: E402, F403
from myproject.settings import DATABASES  # noqa: E402

DATA_DIR = TEST_DATA_DIR
MEDIA_ROOT = TEST_DATA_DIR / "media"
REDIS_URL = CELERY_BROKER_URL = CELERY_RESULT_BACKEND = TEST_REDIS_URL

database = DATABASES["default"]
if database["ENGINE"].endswith("sqlite3"):
    # By default, Django creates a SQLite test database in memory, where no other process can open it.
    database |= {"NAME": TEST_DATA_DIR / "db.sqlite3", "TEST": {"NAME": TEST_DATA_DIR / "db.sqlite3"}}
elif "TEST_DATA_DIR" in os.environ:
    # In the worker: use the test database, which pytest-django has created with this name.
    database["NAME"] = f"test_{database['NAME']}"
