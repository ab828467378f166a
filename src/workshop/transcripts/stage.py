"""The environment for a recording: a copy of the workshop with its own broker and processes."""

import contextlib
import io
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from honcho.printer import Printer

from workshop.course import lessons
from workshop.errors import WorkshopError
from workshop.runtime.broker import Broker
from workshop.runtime.procfile import Service, from_procfile
from workshop.runtime.supervisor import START_SECONDS, Supervisor
from workshop.system.ports import free_port
from workshop.system.waiting import until
from workshop.transcripts.workshop_copy import WorkshopCopy

SECONDS = 300
"""The maximum time to wait for a line in a log, in seconds."""
USUAL_PORTS = {"site": 8000, "broker": 6379, "flower": 5555}


@dataclass
class Stage:
    """A context manager that runs a project in a given state, in a copy of the workshop.

    Attributes:
        lesson: The name or number of the lesson.
        state: The state of the project: "starter", "solution", or a state such as "after 2.3", in which all
            steps up to 2.3 are solved.
        edits: Changes to the project, applied last. Each change has the keys `file`, `replace` and `with`.
        broker: Whether to run a broker.
        beside: The names of the processes to run from the Procfile.
        processes: The commands of additional processes, by name.
        photos: The number of large photos to add to the database.
        env: Additional environment variables.
    """

    lesson: str
    state: str = "solution"
    edits: Sequence[Mapping[str, str]] = ()
    broker: bool = True
    beside: Sequence[str] = ()
    processes: Mapping[str, str] = field(default_factory=dict)
    photos: int = 0
    env: Mapping[str, str] = field(default_factory=dict)

    def __enter__(self) -> "Stage":
        self.ports = {name: free_port() for name in USUAL_PORTS}
        with contextlib.ExitStack() as stack:
            folder = tempfile.TemporaryDirectory(prefix="workshop-runs-", ignore_cleanup_errors=True)
            self.root = Path(stack.enter_context(folder)).resolve()
            if self.broker:
                stack.enter_context(Broker(port=self.ports["broker"]))
            self.copy = WorkshopCopy(self.root, lessons.find(self.lesson), self.ports, self.env)
            self.copy.prepare(self.state)
            if self.beside or self.processes or self.photos:
                self.copy.add_photos(self.photos)
            for edit in self.edits:
                self.copy.edit(edit["file"], edit["replace"], edit["with"])
            if services := list(self._services()):
                missing = stack.enter_context(_running(services, self.copy.project.folder))
                if missing:
                    logs = "\n".join(self.log(name) for name in missing)
                    raise WorkshopError(f"{', '.join(missing)} did not start:\n{logs}")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc_info) -> None:
        self._stack.close()

    @property
    def usual_ports(self) -> dict[int, int]:
        """The port to show on a page for each port of this run."""
        return {self.ports[name]: usual for name, usual in USUAL_PORTS.items()}

    def run(self, command: str, cwd: str | None = None) -> str:
        """Run `command`, and return its output (see `WorkshopCopy.run`)."""
        return self.copy.run(command, cwd)

    def log(self, name: str, pattern: str = "", times: int = 1) -> str:
        """Wait until the log of a process contains enough matches, and return the log.

        Args:
            name: The name of the process.
            pattern: The regular expression to search for in the log.
            times: The number of matches to wait for.

        Raises:
            WorkshopError: If the log still doesn't contain enough matches after SECONDS.
        """
        file = self._log_file(name)

        def text() -> str:
            return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""

        if not until(lambda: len(re.findall(pattern, text(), re.M)) >= times, SECONDS):
            raise WorkshopError(
                f"The log of {name} doesn't contain {pattern!r} enough times (expected: {times}):\n{text()}"
            )
        return text()

    def _services(self) -> Iterator[Service]:
        project, environment = self.copy.project, self.copy.environment
        if self.beside:
            for service in from_procfile(project, environment, self.ports["site"]):
                if service.name in self.beside and service.name not in self.processes:
                    yield replace(service, log=self._log_file(service.name), waits=None)
        for name, command in self.processes.items():
            ready = " ready." if " worker" in command and self.broker else None
            port = self.ports["flower"] if " flower" in command else None
            log = self._log_file(name)
            yield Service(name, command, project.folder, environment, port, ready, log=log)

    def _log_file(self, name: str) -> Path:
        return self.root / f"{name}.log"


@contextlib.contextmanager
def _running(services: list[Service], folder: Path) -> Iterator[list[str]]:
    """Run the services for the duration of the `with` block.

    Yields:
        The names of the services that did not start.
    """
    supervisor = Supervisor(services, folder, Printer(io.StringIO(), colour=False), say=lambda text: None)
    supervisor.run_in_thread()
    try:
        supervisor.settled.wait(START_SECONDS + 5)
        yield supervisor.not_ready()
    finally:
        supervisor.stop()
        supervisor.exited.wait()
