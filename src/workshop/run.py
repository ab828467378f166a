"""One run of a lesson's checks on a project: in a process of its own, with a broker and data of its own."""

import contextlib
import json
import os
import re
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import blame, databases, paths, signals, vhosts
from .project import Project

SILENCE = 90
"""Seconds without a sign of life after which a run is ended: far more than any single check takes."""


OF_THE_LEARNER = ("AWS_STORAGE_BUCKET_NAME", "CELERY_RESULT_BACKEND", "EMAIL_HOST")
"""Variables that a run never gets, even when WORKSHOP_KEEP names them: its photos, results and emails stay in
its own data folder and broker."""


class Run:
    """Made ready at once: its process loads libraries, its broker starts. `events` lets it read the project.

    first: the step whose checks come before the others'.

    Use it as a context manager, or call `close()`: then nothing of it stays behind, no process, port or file.
    """

    def __init__(
        self,
        project: Project,
        step: str | None = None,
        everything: bool = False,
        first: str | None = None,
    ):
        self.project = project
        self._stack = contextlib.ExitStack()
        try:
            with signals.held():  # what is half started is on no list of what to end
                self._make_ready(step, everything, first)
        except BaseException:
            self.close()
            raise

    def _make_ready(self, step: str | None, everything: bool, first: str | None) -> None:
        data = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="workshop-check-"))
        with_broker = (self.project.lesson.solution / "myproject" / "celery.py").is_file()
        environment = self.project.environment(data=Path(data))
        for name in OF_THE_LEARNER:
            environment.pop(name, None)
        servers = {name: environment.pop(name, "") for name in ("DATABASE_URL", "CELERY_BROKER_URL")}
        environment |= {
            "PYTHONPATH": os.pathsep.join([str(self.project.folder), str(Path(__file__).parents[1])]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "WORKSHOP_STEPS": " ".join(each.id for each in self.project.lesson.steps),
            "WORKSHOP_ONLY": step or "",
            "WORKSHOP_ALL": "1" if everything else "",
            "WORKSHOP_FIRST": first or "",
            "WORKSHOP_WORKER": ("perhaps" if step else "yes") if with_broker else "",
        }
        self._log = Path(data, "pytest.log")
        self._child, self._stream = self._start(environment)
        self._word = {"DJANGO_SETTINGS_MODULE": "myproject.settings"}
        # The learner's database is theirs. Without a server each run has a file in its data folder.
        if databases.is_postgres(servers["DATABASE_URL"]):
            self._word["DATABASE_URL"] = self._stack.enter_context(databases.own(servers["DATABASE_URL"]))
        if with_broker:
            from .broker import Broker  # a quarter of a second that lesson 01 does without

            self._word["REDIS_URL"] = self._stack.enter_context(Broker(prefer=None)).url
            # Celery takes this one before the settings. Results and locks stay in the run's own Redis.
            if vhosts.is_amqp(servers["CELERY_BROKER_URL"]):
                own = self._stack.enter_context(vhosts.own(servers["CELERY_BROKER_URL"]))
                self._word["CELERY_BROKER_URL"] = own

    def _start(self, environment: dict[str, str]):
        reading, writing = os.pipe()
        stream = self._stack.enter_context(os.fdopen(reading, "rb"))
        try:
            with self._log.open("wb") as output:
                child = subprocess.Popen(
                    _command(self.project),
                    cwd=self.project.folder,
                    env=environment | {"WORKSHOP_EVENTS": str(writing)},
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=[writing],
                    start_new_session=True,
                )
        finally:
            os.close(writing)
        self._stack.callback(_end, child)
        return child, stream

    def events(self) -> Iterator[dict]:
        """Run the checks and yield their events, as `checkkit.plugin` sends them, while they happen.

        The last event is "finished", or "broken" with the `cause` when the run ended before its end.
        """
        with contextlib.suppress(BrokenPipeError), self._child.stdin as word:
            word.write(json.dumps(self._word).encode() + b"\n")
        last = {}
        try:
            for line in _lines(self._stream):
                last = json.loads(line)
                yield last
        except TimeoutError:
            yield {"event": "broken", "cause": self._silent(last)}
        else:
            if last.get("event") != "finished":
                yield {"event": "broken", "cause": self._why()}

    def _silent(self, last: dict) -> str:
        doing = f" while: {last['about']}" if "about" in last else ""
        return f"Nothing happened for {SILENCE} s{doing}. Is there a loop in your code that does not end?"

    def _why(self) -> str:
        """Why the process has ended: it has closed its pipe, and is gone within moments."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(SILENCE)
        if self._child.returncode is None:
            return self._silent({})
        text = self._log.read_text(errors="replace")
        cause = str(blame.cause(text.splitlines(), self.project.folder))
        # A sentence about the settings, of Django's own checks or passed on by pytest-django.
        cause = re.sub(r"^(SystemExit|ImportError): ", "", cause)
        return cause or f"The checks ended with exit code {self._child.returncode}."

    def close(self) -> None:
        """End it, wherever it is; a Ctrl-C waits for that. Calling it again does nothing."""
        with signals.held():
            self._stack.close()

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()


def _end(child: subprocess.Popen) -> None:
    signals.to_group(child.pid)  # the worker is in it
    child.wait()
    with contextlib.suppress(BrokenPipeError):
        child.stdin.close()


def _lines(stream) -> Iterator[bytes]:
    """Lines from a pipe until it is closed. Raises TimeoutError when it is silent for too long."""
    descriptor, rest = stream.fileno(), b""
    while True:
        if not select.select([descriptor], [], [], SILENCE)[0]:
            raise TimeoutError
        chunk = os.read(descriptor, 65536)
        if not chunk:
            return
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines


def _command(project: Project) -> list[str]:
    kit = Path(__file__).parent / "checkkit"
    files = [project.lesson.folder / "checks", *(paths.LESSONS / name for name in project.lesson.keeps)]
    command = [sys.executable, "-P", "-m", "workshop.checkkit.ahead", "pytest", "-q", "--tb=native"]
    command += ["-c", str(kit / "checks.ini"), "-p", "pytest_django.plugin"]
    command += ["-p", "workshop.checkkit.plugin", "--rootdir", str(paths.LESSONS)]
    return [*command, *map(str, files)]
