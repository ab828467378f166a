"""The project's settings, but with a separate database, photo folder and broker for each test run."""

import os
import socket
import tempfile

# Set both variables before you import the project's settings, because the settings read them. The worker is
# a separate process: it inherits the variables and reads them too.
os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="tests-")
if "TEST_REDIS_URL" in os.environ:
    os.environ["REDIS_URL"] = os.environ["TEST_REDIS_URL"]
else:  # conftest.py starts a broker on this port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        os.environ["REDIS_URL"] = f"redis://localhost:{probe.getsockname()[1]}/0"

from myproject.settings import *  # noqa: F403
from myproject.settings import DATA_DIR, DATABASES

# By default, Django creates a SQLite test database in memory, where no other process can open it.
DATABASES["default"]["TEST"] = {"NAME": DATA_DIR / "db.sqlite3"}
