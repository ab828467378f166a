"""myproject/alive.py: the worker's main process touches a file every other second, while it gets to it.

`from . import alive` in myproject/celery.py. A probe that looks at the file's age starts no Celery.
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
