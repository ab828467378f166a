"""Run a real worker process, and send messages to a database that it doesn't consume."""

import contextlib
import os
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import psutil

from workshop.runtime import diagnosis, forked_process
from workshop.system.child import Child
from workshop.system.waiting import until

from . import STARTING, Complaint
from .queues import Queue, queue_of

READY = " ready."

QUICK_START = ("--without-gossip", "--without-mingle", "--without-heartbeat")
"""Options that make a worker ready about a second sooner, because it doesn't look for other workers."""


class Process:
    """A process of the project in `folder`, with a log. It is stopped together with its children."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._process: Child | forked_process.Fork | None = None
        self._log: Path | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        """The process's output since it started."""
        return self._log.read_text(errors="replace") if self._log else ""

    @property
    def last_words(self) -> str:
        """The process's last error, with file and line if they are known."""
        return str(diagnosis.cause(self.log.splitlines(), self.folder))

    def launch(self, command: list[str] | str, environment: dict[str, str]) -> None:
        """Start the process.

        A string as `command` is run by the shell. environment: all environment variables.
        """
        # In the session of the checks, so it cannot outlive them.
        options = {"folder": self.folder, "environment": environment, "log": self._new_log()}
        self._process = Child(command, **options, own_session=False)

    def fork(self, program: str, arguments: list[str], environment: dict[str, str]) -> None:
        """Start a program in a `Fork`, which has already loaded Django and Celery."""
        with self._new_log().open("wb") as output, forked_process.server_socket() as server:
            self._process = forked_process.Fork(server, output.fileno(), group=os.getpgrp())
        self._process.run(program, arguments, self.folder, environment)

    def _new_log(self) -> Path:
        handle, name = tempfile.mkstemp(prefix="process-", suffix=".log", dir=os.environ["DATA_DIR"])
        os.close(handle)
        self._log = Path(name)
        return self._log

    def family(self) -> list[psutil.Process]:
        """Return the process and its descendants; [] if it has exited."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            return [process, *process.children(recursive=True)]
        return []

    def kill(self) -> None:
        """Kill the process and its children, as a power failure would."""
        if self.running:
            everything = self.family()
            for process in everything:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self._process.wait()
            # init adopts the children and may take seconds to remove zombies, so a zombie counts as dead.
            until(lambda: not any(map(_alive, everything)))

    def stop(self) -> None:
        """Stop the process and its children without waiting for their work."""
        self.kill()
        self._process = None


class Code(Process):
    """Python code that runs in a separate process, in the project in `folder`."""

    def start(self, code: str, *arguments: str, **environment: str) -> None:
        """Start the code without waiting. arguments: for sys.argv. environment: additional variables."""
        self.fork("python", [code, *arguments], os.environ | environment)

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait up to `seconds` for the process to exit.

        Returns the exit code, or None if it is still running.
        """
        return self._process.wait(seconds)


class Worker(Process):
    """A `celery -A myproject worker` of the project in `folder`, with two prefork processes.

    ready: called once with the seconds that the start took.
    """

    def __init__(self, folder: Path, ready: Callable[[float], None] = lambda _: None):
        super().__init__(folder)
        self.ready = ready
        self._began = 0.0
        self._waited = False

    def start(self) -> None:
        """Start the worker without waiting until it is ready: see `wait_ready()`."""
        if self.running:
            return
        self._began, self._waited = time.monotonic(), False
        arguments = ["-A", "myproject", "worker", "--loglevel", "INFO", "--concurrency", "2", *QUICK_START]
        self.fork("celery", arguments, dict(os.environ))

    def wait_ready(self) -> None:
        """Wait until the worker is ready. Complains, with the cause, if it has exited."""
        self.start()
        if self._waited:
            return
        ready_before = READY in self.log
        until(lambda: READY in self.log or not self.running, STARTING)
        if READY not in self.log:
            cause = self.last_words
            self.stop()
            raise Complaint("the worker did not start.", worker_says=cause or "nothing")
        self._waited = True
        if not ready_before:  # otherwise the start time isn't known
            self.ready(time.monotonic() - self._began)

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
        """Return the project's file and line where the task failed, according to the log."""
        mark = f"[{task_id}] raised"
        _, found, after = self.log.rpartition(mark)
        return diagnosis.place(after.partition("\n[")[0].splitlines(), self.folder) if found else ""

    def children(self) -> list[int]:
        """Return the pids of the pool's processes."""
        return [child.pid for child in psutil.Process(self.pid).children()]


WORKER = Worker(Path.cwd())
"""The run's worker, in the process that runs the checks."""


def _alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


@contextlib.contextmanager
def isolated_queue(app, database: int = 1, keep: bool = False) -> Iterator[Queue]:
    """During the block, let this process send to another database of the broker than the worker's.

    The worker consumes database 0. With RabbitMQ, these are virtual hosts.

    keep: keep the messages that are already there.
    """
    from celery.signals import before_task_publish  # lesson 01 doesn't need Celery

    queue = queue_of(app, database)
    if not keep:
        queue.purge()

    def remember(**_signal):
        if place := place_in(Path.cwd(), traceback.extract_stack()):
            queue.sent_from.append(place)

    before_task_publish.connect(remember)
    try:
        with sending_to(app, queue.url):
            yield queue
    finally:
        before_task_publish.disconnect(remember)
        queue.close()


def run_here(app, task, task_id: str, *args: object, retries: int = 0) -> None:
    """Run the task in this process as a worker would, with states, on_failure() and signals.

    retries: how many times the task was retried before. An exception is stored in the returned result.
    """
    from celery.app.trace import build_tracer

    request = {"id": task_id, "args": args, "kwargs": {}, "retries": retries, "is_eager": False}
    request |= {"called_directly": False, "delivery_info": {"routing_key": app.conf.task_default_queue}}
    build_tracer(task.name, task, app=app)(task_id, args, {}, request)


def place_in(folder: Path, frames: Iterable[traceback.FrameSummary]) -> str | None:
    """Return the file and line of the last frame that is in `folder`."""
    for frame in reversed(list(frames)):
        file = Path(frame.filename)
        if file.is_relative_to(folder):
            return f"{file.relative_to(folder)}:{frame.lineno}"
    return None


def raised_at(error: BaseException) -> str | None:
    """Return the project's file and line where an exception was raised."""
    return place_in(Path.cwd(), traceback.extract_tb(error.__traceback__))


@contextlib.contextmanager
def sending_to(app, url: str) -> Iterator[None]:
    """During the block, let this process send to the broker at `url`, which need not exist."""
    before = app.conf.broker_write_url or app.conf.broker_url
    _send_to(app, url)
    try:
        yield
    finally:
        _send_to(app, before)


def _send_to(app, url: str) -> None:
    app.conf.broker_write_url = url
    app._pool = app.amqp._producer_pool = None  # they have connections to the other broker


def app_of_the_project():
    """Return the Celery app that `celery -A myproject` finds.

    Complains if it is missing or uses another broker.
    """
    from celery.app.utils import find_app

    try:
        app = find_app("myproject")
    except (ImportError, AttributeError) as error:
        found = str(error) if isinstance(error, ImportError) else "the module contains no Celery(…)"
        why = (
            diagnosis.advice(str(error))
            or 'Create the app in myproject/celery.py: app = Celery("myproject").'
        )
        raise Complaint(
            "there is no Celery app yet.", why, found=found, file="myproject/celery.py"
        ) from error
    if app.conf.task_always_eager:
        raise Complaint(
            "eager mode is on, so tasks run inside the web process and no message is sent.",
            setting="CELERY_TASK_ALWAYS_EAGER",
            why="Remove this setting. Eager mode skips the broker, the worker and JSON, so it hides "
            "everything that can go wrong there.",
        )
    # Read the settings, because CELERY_BROKER_URL in the environment would take precedence over them.
    wanted, found = os.environ["REDIS_URL"], app.conf.first("broker_url", "broker_host")
    if found != wanted:
        raise Complaint(
            "the app does not use the broker at REDIS_URL.",
            expected=wanted,
            found=found or "none is set, so Celery uses amqp://guest@localhost",
            why=_why_another_broker(wanted, found),
        )
    return app


def _why_another_broker(wanted: str, found: str | None) -> str:
    from django.conf import settings

    names = [name for name in dir(settings) if "BROKER" in name]
    if found:
        return (
            "Set CELERY_BROKER_URL to REDIS_URL. The broker's address differs from machine to machine, and "
            "these checks start their own broker."
        )
    if not names:
        return (
            'Set CELERY_BROKER_URL to REDIS_URL, and let the app read the settings with namespace="CELERY".'
        )
    if getattr(settings, "CELERY_BROKER_URL", None) == wanted:
        return (
            "CELERY_BROKER_URL is set, but the app does not read it. Pass "
            'namespace="CELERY" to config_from_object(), as a keyword argument and in capital letters.'
        )
    return (
        f"Your settings contain {', '.join(names)}. Celery's broker_url setting is named CELERY_BROKER_URL "
        'with namespace="CELERY".'
    )
