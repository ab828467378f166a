"""Workers of their own for the scripts beside this file, which are Celery apps themselves.

All of them talk to the broker of REDIS_URL, and empty that database first: give them one that nobody needs.
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
    """True once `condition()` is; False when it is not within `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


class Worker:
    """A Celery worker of the module `name`, in a process group of its own. `with` ends it by SIGKILL."""

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
        """The main process and its children, as psutil knows them."""
        main = psutil.Process(self.process.pid)
        return [main, *main.children(recursive=True)]

    def pool_processes(self):
        return [each.pid for each in self.family()[1:]]

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """All of it, as a power cut would. Returns when the last process and its connections are gone."""
        family = self.family() if self.process.poll() is None else []
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        psutil.wait_procs(family)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.kill()
