"""The environment of a run: a copy of the workshop, with its own broker and processes."""

import contextlib
import io
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from honcho.printer import Printer

from workshop.course import lessons
from workshop.errors import WorkshopError
from workshop.runtime.broker import Broker
from workshop.runtime.procfile import Service, from_procfile
from workshop.runtime.supervisor import START_SECONDS, Supervisor
from workshop.system.ports import free_port
from workshop.transcripts.workshop_copy import Copy

SECONDS = 300
"""The maximum time to wait for a line in a log."""
USUAL = {"site": 8000, "broker": 6379, "flower": 5555}


class Stage:
    """A context manager for a project in a given state, its processes, and a copy of the clone.

    lesson: the lesson's name.
    state: "starter", "solution", or "after 2.3" (the starter with the steps up to 2.3 solved).
    photos: the number of large photos in the database.
    edits: changes in the project, applied last; each is {file, replace, with}.
    broker: whether a broker is running.
    beside: the processes of the Procfile to run.
    processes: additional processes, {name: command}.
    env: additional variables.
    """

    def __init__(
        self,
        lesson: str,
        state: str = "solution",
        edits: tuple = (),
        broker: bool = True,
        beside: tuple = (),
        processes: dict[str, str] | None = None,
        photos: int = 0,
        env: dict[str, str] | None = None,
    ):
        self.lesson, self.state, self.edits, self.photos = lessons.find(lesson), state, edits, photos
        self.beside, self.processes = beside, processes or {}
        self.ports = {name: free_port() for name in USUAL}
        self._wants_broker, self._more = broker, env or {}
        self._supervisor: Supervisor | None = None
        self._ready, self._ended = threading.Event(), threading.Event()

    def __enter__(self) -> "Stage":
        with contextlib.ExitStack() as stack:
            folder = tempfile.TemporaryDirectory(prefix="workshop-runs-", ignore_cleanup_errors=True)
            self.root = Path(stack.enter_context(folder)).resolve()
            if self._wants_broker:
                stack.enter_context(Broker(port=self.ports["broker"]))
            self.copy = Copy(self.root, self.lesson, self.ports, self._more)
            self.copy.make(self.state)
            if self.beside or self.processes or self.photos:
                self.copy.fill(self.photos)
            for edit in self.edits:
                self.copy.edit(edit["file"], edit["replace"], edit["with"])
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc_info) -> None:
        self._stack.close()

    @property
    def usual_ports(self) -> dict[int, int]:
        """A dictionary of the ports in this run and the ports that a page shows."""
        return {self.ports[name]: usual for name, usual in USUAL.items()}

    def run(self, command: str, cwd: str | None = None) -> str:
        """Return the output of `command`: see `Copy.run()`."""
        return self.copy.run(command, cwd)

    def log(self, name: str, until: str = "", times: int = 1) -> str:
        """Return the log of the process `name` as soon as it contains `until` at least `times` times.

        Raises WorkshopError, with the log, if that takes too long.
        """
        end = time.monotonic() + SECONDS
        while True:
            file = self._log(name)
            text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
            if len(re.findall(until, text, re.M)) >= times:
                return text
            if time.monotonic() > end:
                raise WorkshopError(
                    f"{name} did not write {until!r} often enough (wanted: {times}). It wrote:\n{text}"
                )
            time.sleep(0.05)

    def _start(self, stack: contextlib.ExitStack) -> None:
        services = list(self._services())
        if not services:
            return
        self._supervisor = Supervisor(
            services,
            self.copy.project.folder,
            Printer(io.StringIO(), colour=False),
            say=lambda text: None,
            on_ready=self._ready.set,
        )
        threading.Thread(target=self._keep, daemon=True).start()
        stack.callback(self._stop)
        self._ready.wait(START_SECONDS + 5)
        if missing := sorted({*self.beside, *self.processes}.intersection(self._supervisor.not_ready())):
            logs = "\n".join(self.log(name) for name in missing)
            raise WorkshopError(f"{', '.join(missing)} did not start:\n{logs}")

    def _services(self) -> Iterator[Service]:
        project, environment = self.copy.project, self.copy.environment
        if self.beside:
            for service in from_procfile(project, environment, self.ports["site"]):
                if service.name in self.beside and service.name not in self.processes:
                    yield replace(service, log=self._log(service.name), waits=None)
        for name, command in self.processes.items():
            ready = " ready." if " worker" in command and self._wants_broker else None
            port = self.ports["flower"] if " flower" in command else None
            log = self._log(name)
            yield Service(name, command, project.folder, environment, port, ready, log=log)

    def _log(self, name: str) -> Path:
        return self.root / f"{name}.log"

    def _keep(self) -> None:
        try:
            self._supervisor.run()
        finally:
            self._ended.set()
            self._ready.set()

    def _stop(self) -> None:
        self._supervisor.stop()
        self._ended.wait()
