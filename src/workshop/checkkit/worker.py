"""A real worker process, and a place for messages that it does not take from, for the checks."""

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
"""Options with which a worker is ready about a second sooner. It does not ask for other workers then."""


class Process:
    """One process of the project in `folder`, with its output in a log. It is ended with all its children."""

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
        """What the process has written since it started."""
        return self._log.read_text(errors="replace") if self._log else ""

    @property
    def last_words(self) -> str:
        """What the process said when it ended: its last error, with file and line where that is known."""
        return str(diagnosis.cause(self.log.splitlines(), self.folder))

    def launch(self, command: list[str] | str, environment: dict[str, str]) -> None:
        """Start it; a `command` in one string is run by the shell. environment: all its variables."""
        # In the session of the checks, so it cannot outlive them.
        options = {"folder": self.folder, "environment": environment, "log": self._new_log()}
        self._process = Child(command, **options, own_session=False)

    def fork(self, program: str, arguments: list[str], environment: dict[str, str]) -> None:
        """Start one of the programs that a `forks.Fork` runs: they have loaded Django and Celery already."""
        with self._new_log().open("wb") as output, forked_process.door() as door:
            self._process = forked_process.Fork(door, output.fileno(), group=os.getpgrp())
        self._process.run(program, arguments, self.folder, environment)

    def _new_log(self) -> Path:
        handle, name = tempfile.mkstemp(prefix="process-", suffix=".log", dir=os.environ["DATA_DIR"])
        os.close(handle)
        self._log = Path(name)
        return self._log

    def family(self) -> list[psutil.Process]:
        """The process and all that it has started; [] when it has ended."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            return [process, *process.children(recursive=True)]
        return []

    def kill(self) -> None:
        """End it as a power cut would, children included."""
        if self.running:
            everything = self.family()
            for process in everything:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self._process.wait()
            # Its children are init's now, which may take seconds to clear a zombie away: that is dead too.
            until(lambda: not any(map(_alive, everything)))

    def stop(self) -> None:
        """End it without waiting for its work; nothing of it stays behind."""
        self.kill()
        self._process = None


class Code(Process):
    """A piece of Python code that runs in a separate process, in the project in `folder`."""

    def start(self, code: str, *arguments: str, **environment: str) -> None:
        """Begin to run it. arguments: for sys.argv. environment: variables beside those of this process."""
        self.fork("python", [code, *arguments], os.environ | environment)

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait for its end, at most so long, and return its exit code; None while it still runs."""
        return self._process.wait(seconds)


class Worker(Process):
    """One `celery -A myproject worker` of the project in `folder`: prefork with two children.

    ready: called once with the seconds that a start took.
    """

    def __init__(self, folder: Path, ready: Callable[[float], None] = lambda _: None):
        super().__init__(folder)
        self.ready = ready
        self._began = 0.0
        self._waited = False

    def start(self) -> None:
        """Begin to start it; `wait_ready` waits for it."""
        if self.running:
            return
        self._began, self._waited = time.monotonic(), False
        arguments = ["-A", "myproject", "worker", "--loglevel", "INFO", "--concurrency", "2", *QUICK_START]
        self.fork("celery", arguments, dict(os.environ))

    def wait_ready(self) -> None:
        """Wait until it takes tasks. Complains, with the cause, when it ended instead."""
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
        if not ready_before:  # else nothing tells when it was
            self.ready(time.monotonic() - self._began)

    def kill_child(self, pid: int) -> None:
        """Kill this process of the pool with -9, and let the worker notice that, while the others are idle.

        A worker hears of each end, but may look a moment too early and find the process running. It looks
        again five seconds later, or when the next one ends. So if it has not noticed, an idle one is ended.
        """
        os.kill(pid, signal.SIGKILL)
        if not until(lambda: f"pid:{pid} exited" in self.log, 0.5):
            idle = [child for child in self.children() if child != pid]
            if idle:
                os.kill(idle[-1], signal.SIGTERM)

    def raised_at(self, task_id: str) -> str:
        """File and line of the project where the task with this id failed, as the log says."""
        mark = f"[{task_id}] raised"
        _, found, after = self.log.rpartition(mark)
        return diagnosis.place(after.partition("\n[")[0].splitlines(), self.folder) if found else ""

    def children(self) -> list[int]:
        """The pids of the pool's processes."""
        return [child.pid for child in psutil.Process(self.pid).children()]


WORKER = Worker(Path.cwd())
"""The one that serves the run, in the process that runs the checks."""


def _alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


@contextlib.contextmanager
def isolated_queue(app, database: int = 1, keep: bool = False) -> Iterator[Queue]:
    """Let this process send to another database of the same broker; the worker takes from database 0.
    Of a RabbitMQ they are virtual hosts.

    keep: leave in it what is there already.
    """
    from celery.signals import before_task_publish  # lesson 01 does without Celery

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
    """Run the task in this process as a worker does, with its states, on_failure() and signals.

    retries: how many times it was retried before. What the task raises ends up in its result.
    """
    from celery.app.trace import build_tracer

    request = {"id": task_id, "args": args, "kwargs": {}, "retries": retries, "is_eager": False}
    request |= {"called_directly": False, "delivery_info": {"routing_key": app.conf.task_default_queue}}
    build_tracer(task.name, task, app=app)(task_id, args, {}, request)


def place_in(folder: Path, frames: Iterable[traceback.FrameSummary]) -> str | None:
    """File and line in `folder` that the last of the frames there stands at."""
    for frame in reversed(list(frames)):
        file = Path(frame.filename)
        if file.is_relative_to(folder):
            return f"{file.relative_to(folder)}:{frame.lineno}"
    return None


def raised_at(error: BaseException) -> str | None:
    """File and line of the project where an exception was raised."""
    return place_in(Path.cwd(), traceback.extract_tb(error.__traceback__))


@contextlib.contextmanager
def sending_to(app, url: str) -> Iterator[None]:
    """Let this process send to the broker at `url` in the block, such as one that is not there."""
    before = app.conf.broker_write_url or app.conf.broker_url
    _send_to(app, url)
    try:
        yield
    finally:
        _send_to(app, before)


def _send_to(app, url: str) -> None:
    app.conf.broker_write_url = url
    app._pool = app.amqp._producer_pool = None  # they hold connections to the other one


def app_of_the_project():
    """The Celery app, as `celery -A myproject` finds it. Complains without one, or with another broker."""
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
    # What the settings say: CELERY_BROKER_URL in the environment would win over them.
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
