"""Starts workers for the scripts in this folder. Each of these scripts is a Celery app.

The scripts use the database at REDIS_URL and delete everything in it, so don't use one that you need.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
from redis import Redis

URL = os.environ.get("REDIS_URL", "redis://localhost:6379/9")
QUICK = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING")
redis = Redis.from_url(URL, decode_responses=True)


def until(condition, seconds=60):
    """Wait until `condition()` is true. Returns False if that takes longer than `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


class Worker:
    """A Celery worker of the module `name`, in a separate process group. `with` stops it with SIGKILL."""

    def __init__(self, name, *options, folder=Path(__file__).parent, **environment):
        command = [sys.executable, "-m", "celery", "-A", name, "worker", *QUICK, *options]
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def family(self):
        """Return the main process and its child processes, as psutil objects."""
        main = psutil.Process(self.process.pid)
        return [main, *main.children(recursive=True)]

    def pool_processes(self):
        return [each.pid for each in self.family()[1:]]

    def stopped(self):
        """Return whether SIGSTOP has stopped all processes. A signal takes a moment to arrive."""
        return all(each.status() == psutil.STATUS_STOPPED for each in self.family())

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """Kill all processes, as a power failure would. Returns when their connections are closed."""
        family = self.family() if self.process.poll() is None else []
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        psutil.wait_procs(family)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.kill()
