"""The project's settings, with a database, photos and a broker that belong to this test run alone."""

import os
import socket
import tempfile

# Before the project's settings are read: they take both from the environment. So does the worker, which
# is a process of its own and inherits them.
os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="tests-")
if "TEST_REDIS_URL" in os.environ:
    os.environ["REDIS_URL"] = os.environ["TEST_REDIS_URL"]
else:  # conftest.py starts a broker at this port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        os.environ["REDIS_URL"] = f"redis://localhost:{probe.getsockname()[1]}/0"

from myproject.settings import *  # noqa: F403
from myproject.settings import DATA_DIR, DATABASES

# With SQLite Django would make the test database in memory, where no other process finds it.
DATABASES["default"]["TEST"] = {"NAME": DATA_DIR / "db.sqlite3"}
