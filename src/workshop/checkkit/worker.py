"""Run a real worker process, or run a task in this process the way a worker would."""

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
"""The text that a worker logs when it is ready for tasks."""

QUICK_START = ("--without-gossip", "--without-mingle", "--without-heartbeat")
"""Options that make a worker start about a second faster, because it doesn't search for other workers."""


class Worker(Process):
    """A `celery -A myproject worker` process for the project in `folder`, with two pool processes.

    Attributes:
        on_ready: A function that is called with the number of seconds that the worker took to start. The
            function is called only if a check waited for the worker.
    """

    def __init__(self, folder: Path, on_ready: Callable[[float], None] = lambda _: None):
        super().__init__(folder)
        self.on_ready = on_ready
        self._started_at = 0.0

    def start(self) -> None:
        """Start the worker. To wait until it is ready, call `wait_ready()`."""
        if self.running:
            return
        self._started_at = time.monotonic()
        arguments = ["-A", "myproject", "worker", "--loglevel", "INFO", "--concurrency", "2", *QUICK_START]
        self.fork("celery", arguments, dict(os.environ))

    def wait_ready(self) -> None:
        """Start the worker if it is not running, and wait until it is ready.

        Raises:
            Complaint: The worker exited before it was ready. The complaint contains the cause.
        """
        self.start()
        if READY in self.log:  # it isn't known how long the worker took to start
            return
        if not self.wait_for(READY):
            cause = self.last_error
            self.stop()
            raise Complaint("the worker did not start.", worker_says=cause or "nothing")
        self.on_ready(time.monotonic() - self._started_at)

    def kill_child(self, pid: int) -> None:
        """Kill a pool process with SIGKILL, and make sure that the worker notices the exit.

        All other pool processes must be idle. The worker is notified of each exit, but it may check too
        early, when the process still seems to be running. The worker checks again after five seconds, or when
        another process exits. So if the worker hasn't noticed the exit, this method also terminates an idle
        process.
        """
        os.kill(pid, signal.SIGKILL)
        if not until(lambda: f"pid:{pid} exited" in self.log, 0.5):
            idle = [child for child in self.children() if child != pid]
            if idle:
                os.kill(idle[-1], signal.SIGTERM)

    def outcome(self, task_id: str, or_retry: bool = False) -> str:
        """Return the log line about a task's end, without the time, or "" if the task hasn't ended yet.

        Args:
            task_id: The task's ID.
            or_retry: Whether a line about a retry also counts.
        """
        log = self.log
        ends = "succeeded|raised|retry" if or_retry else "succeeded|raised"
        end = re.search(rf"\[{task_id}\] ((?:{ends}).*)", log)
        if not end:  # an exception in on_failure() is logged without the task's ID
            _, received, after = log.rpartition(f"[{task_id}] received")
            end = received and re.search(r"(Task handler raised error: (?!WorkerLost|TimeLimit).+)", after)
        return end[1] if end else ""

    def raised_at(self, task_id: str) -> str:
        """Return the project file and line where the task failed, or "" if the log doesn't show them."""
        _, found, after = self.log.rpartition(f"[{task_id}] raised")
        return diagnosis.place(after.partition("\n[")[0].splitlines(), self.folder) if found else ""

    def children(self) -> list[int]:
        """Return the process IDs of the pool processes."""
        return [child.pid for child in psutil.Process(self.pid).children()]


WORKER = Worker(Path.cwd())
"""The worker of this pytest process."""


def node_name(log: str) -> str:
    """Return the node name in a worker's log, such as "celery@host", or "" if the log doesn't contain it."""
    match = re.search(rf"(\S+@\S+){re.escape(READY)}", log)
    return match[1] if match else ""


def run_task_here(app, task, task_id: str, *args: object, retries: int = 0) -> None:
    """Run the task in this process the way a worker would, including states, on_failure() and signals.

    If the task raises an exception, the exception is stored as the task's result.

    Args:
        app: The Celery app.
        task: The task to run.
        task_id: The task ID for this run.
        *args: The task's arguments.
        retries: How many times the task has already been retried.
    """
    from celery.app.trace import build_tracer  # lesson 01 doesn't need Celery

    request = {"id": task_id, "args": args, "kwargs": {}, "retries": retries, "is_eager": False}
    request |= {"called_directly": False, "delivery_info": {"routing_key": app.conf.task_default_queue}}
    build_tracer(task.name, task, app=app)(task_id, args, {}, request)
