"""myproject/alive.py: as long as it isn't stuck, the worker's main process touches a file every two seconds.

Add `from . import alive` to myproject/celery.py. A probe can check the file's age without starting Celery.
"""

import os
from pathlib import Path

from celery.signals import heartbeat_sent, worker_shutdown

FILE = Path(os.environ.get("ALIVE_FILE", "/tmp/alive"))


@heartbeat_sent.connect
def touch(**kwargs):
    FILE.touch()


@worker_shutdown.connect
def remove(**kwargs):
    FILE.unlink(missing_ok=True)
