"""Run a real worker process, or a task in this process as a worker would."""

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from workshop.checkkit import Complaint
from workshop.checkkit.process import Process
from workshop.runtime import diagnosis
from workshop.system.waiting import until

READY = " ready."
"""What a worker logs when it is ready for tasks."""

QUICK_START = ("--without-gossip", "--without-mingle", "--without-heartbeat")
"""Options that make a worker ready about a second sooner, because it doesn't look for other workers."""


class Worker(Process):
    """A `celery -A myproject worker` of the project in `folder`, with two prefork processes.

    Attributes:
        on_ready: A function that is called with the seconds that the start took, if a check waited for it.
    """

    def __init__(self, folder: Path, on_ready: Callable[[float], None] = lambda _: None):
        super().__init__(folder)
        self.on_ready = on_ready
        self._started_at = 0.0

    def start(self) -> None:
        """Start the worker without waiting until it is ready: see `wait_ready()`."""
        if self.running:
            return
        self._started_at = time.monotonic()
        arguments = ["-A", "myproject", "worker", "--loglevel", "INFO", "--concurrency", "2", *QUICK_START]
        self.fork("celery", arguments, dict(os.environ))

    def wait_ready(self) -> None:
        """Wait until the worker is ready, and start it if it is not running.

        Raises:
            Complaint: The worker has exited. The complaint contains the cause.
        """
        self.start()
        if READY in self.log:  # how long the start took isn't known
            return
        if not self.wait_for(READY):
            cause = self.last_error
            self.stop()
            raise Complaint("the worker did not start.", worker_says=cause or "nothing")
        self.on_ready(time.monotonic() - self._started_at)

    def kill_child(self, pid: int) -> None:
        """Kill a pool process with -9, and wait until the worker notices. The other processes must be idle.

        The worker is notified of each exit, but may look too early and still find the process running. It
        looks again after five seconds, or when another process exits. If the worker hasn't noticed the exit,
        an idle process is killed too.
        """
        os.kill(pid, signal.SIGKILL)
        if not until(lambda: f"pid:{pid} exited" in self.log, 0.5):
            idle = [child for child in self.children() if child != pid]
            if idle:
                os.kill(idle[-1], signal.SIGTERM)

    def raised_at(self, task_id: str) -> str:
        """Return the project's file and line where the task failed, according to the log; "" if unknown."""
        _, found, after = self.log.rpartition(f"[{task_id}] raised")
        return diagnosis.place(after.partition("\n[")[0].splitlines(), self.folder) if found else ""

    def children(self) -> list[int]:
        """Return the pids of the pool's processes."""
        return [child.pid for child in psutil.Process(self.pid).children()]


WORKER = Worker(Path.cwd())
"""The worker of this pytest process."""


def node_name(log: str) -> str:
    """Return the node name, such as "celery@host", that a worker writes to its log; "" if there is none."""
    match = re.search(rf"(\S+@\S+){re.escape(READY)}", log)
    return match[1] if match else ""


def run_task_here(app, task, task_id: str, *args: object, retries: int = 0) -> None:
    """Run the task in this process as a worker would, with states, on_failure() and signals.

    An exception that the task raises is stored as its result.

    Args:
        app: The Celery app.
        task: The task to run.
        task_id: The ID of this run.
        *args: The task's arguments.
        retries: How many times the task was retried before.
    """
    from celery.app.trace import build_tracer  # lesson 01 doesn't need Celery

    request = {"id": task_id, "args": args, "kwargs": {}, "retries": retries, "is_eager": False}
    request |= {"called_directly": False, "delivery_info": {"routing_key": app.conf.task_default_queue}}
    build_tracer(task.name, task, app=app)(task_id, args, {}, request)
