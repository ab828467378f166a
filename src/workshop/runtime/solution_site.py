"""Run a solution as a separate site with its own data, broker and port, and clean up afterward.

The command `python -m workshop.runtime.solution_site 01-sync` prints the site's address, then serves the site
until standard input is closed. If the site can't start, the command prints the reason instead.
"""

import contextlib
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from honcho.printer import Printer

from workshop import paths
from workshop.course import project
from workshop.errors import WorkshopError
from workshop.runtime import flower
from workshop.runtime.broker import Broker
from workshop.runtime.procfile import Service, from_procfile
from workshop.runtime.supervisor import START_SECONDS, Supervisor
from workshop.system.ports import free_port

NEEDED = {"web", "worker", "migrate"}
"""The services that are needed to process photos."""


def newest() -> str:
    """Return the name of the last solution.

    Raises:
        WorkshopError: No solution has a Procfile.
    """
    names = sorted(file.parent.name for file in paths.SOLUTIONS.glob("[0-9]*/Procfile"))
    if not names:
        raise WorkshopError(
            f"There is no solution in {paths.shown(paths.SOLUTIONS)}. Is this a complete clone?"
        )
    return names[-1]


class Site:
    """A solution that runs as a site. Call `start()`, then `wait()`. You can call `stop()` at any time.

    Args:
        name: The solution's name.
        folder: The folder for the site's database, photos and log.
        without: The names of the processes in the Procfile that are not started.
        commands: Commands that replace the commands in the Procfile. The keys are process names.
        variables: Additional environment variables. PRACTICE is 0 by default, as on a server.

    Attributes:
        project: The solution.
        port: The site's port.
        data: The folder that contains the site's database and photos.
        log: The file that contains the output of all processes.
        news: Messages about the processes, such as a message that a process has exited.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        without: Collection[str] = (),
        commands: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
    ):
        self.project = project.at(paths.SOLUTIONS / name)
        self.port = free_port()
        self.news: list[str] = []
        self.log = folder / f"{name}.log"
        self.data = folder / name
        self._without, self._commands, self._variables = without, commands or {}, variables or {}
        self._flower_port = free_port()
        self._broker = Broker(prefer=None)
        self._supervisor: Supervisor | None = None

    @property
    def address(self) -> str:
        """The site's address."""
        return f"http://localhost:{self.port}"

    @property
    def broker_url(self) -> str:
        """The broker's address."""
        return self._broker.url

    @property
    def broker_pid(self) -> int | None:
        """The broker's process ID, or None if the broker is stopped."""
        return self._broker.pid

    @property
    def flower_address(self) -> str | None:
        """Flower's address, or None if the Procfile doesn't start Flower."""
        return f"http://localhost:{self._flower_port}" if "flower" in self.processes else None

    @property
    def processes(self) -> list[str]:
        """The names of the processes that the Procfile starts."""
        return [name for name in self._supervisor.running if name != "migrate"]

    def pid(self, name: str) -> int:
        """Return the process ID of the process that is called `name` in the Procfile."""
        return self._supervisor.running[name].pid

    def start(self) -> None:
        """Start the broker and every process, without waiting until the processes are ready.

        Raises:
            WorkshopError: The broker does not start, or the Procfile can't be read.
        """
        self._broker.start()
        services = self._services()
        printer = Printer(self.log.open("w", encoding="utf-8"), colour=False)
        self._supervisor = Supervisor(
            services, self.project.folder, printer, say=self.news.append, broker=self._broker
        )
        self._supervisor.run_in_thread()

    def wait(self) -> None:
        """Wait until the site responds and its worker is ready.

        Raises:
            WorkshopError: One of the processes did not start. The message contains the reason.
        """
        self._supervisor.settled.wait(START_SECONDS + 5)
        missing = NEEDED.intersection(self._supervisor.not_ready())
        if missing:
            why = "\n".join(self.news or self.last_lines())
            raise WorkshopError(
                f"{self.project.shown} is not running, because these processes failed to start: "
                f"{', '.join(sorted(missing))}.\n"
                f"{why}\n"
                "To check this computer for problems, run ./workshop doctor"
            )

    def last_lines(self, count: int = 10) -> list[str]:
        """Return the last `count` lines of the log."""
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]

    def stays(self, seconds: float) -> bool:
        """Wait for `seconds`, and return True. If the supervisor exits earlier, return False immediately."""
        return not self._supervisor.exited.wait(seconds)

    def hurry(self) -> None:
        """Stop all running tasks immediately. Call this method in a signal handler during `stop()`."""
        if self._supervisor is not None:
            self._supervisor.stop()

    def end_broker(self) -> None:
        """Stop only the broker, to simulate a failure."""
        self._broker.stop()

    def stop(self) -> None:
        """Stop every process, then the broker."""
        try:
            if self._supervisor is not None:
                self._supervisor.stop()
                # Don't use Thread.join(): after an interrupt, join() considers the thread finished (Python
                # 3.11 and 3.12).
                self._supervisor.exited.wait()
                self._supervisor.printer.output.close()
        finally:
            self._broker.stop()

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of the site's processes."""
        environment = self.project.environment(self._broker.url, self.data, self.port, kept=False)
        # If the site is stopped during an upload, the upload's temporary file remains in TMPDIR.
        environment |= {"TMPDIR": str(self.data.parent), "PYTHONDONTWRITEBYTECODE": "1", "PRACTICE": "0"}
        return environment | flower.environment(self._flower_port) | self._variables

    def _services(self) -> list[Service]:
        environment = self.environment
        migrate = Service(
            "migrate", "python manage.py migrate --no-input", self.project.folder, environment, once=True
        )
        services = [
            # All steps are done in the solution, so no process has to wait for a step.
            replace(service, waits=None, command=self._commands.get(service.name, service.command))
            for service in from_procfile(self.project, environment, self.port)
            if service.name not in self._without
        ]
        return [*services, migrate]


@contextlib.contextmanager
def running(
    name: str,
    without: Collection[str] = (),
    commands: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Site]:
    """Run the solution `name` for the duration of the `with` block, then delete the site's files.

    The arguments and exceptions are the same as for `Site`.
    """
    with tempfile.TemporaryDirectory(prefix="workshop-site-", ignore_cleanup_errors=True) as folder:
        site = Site(name, Path(folder), without, commands, variables)
        try:
            site.start()
            site.wait()
            yield site
        finally:
            site.stop()


def main(name: str) -> None:
    """Run the solution `name` until standard input is closed. Print the site's address or the error."""
    try:
        with running(name) as site:
            print(site.address, flush=True)
            sys.stdin.read()
    except WorkshopError as error:
        print(error, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
