"""A solution as a running site of its own: data, broker and port of its own, and nothing of it stays."""

import contextlib
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from honcho.printer import Printer

from . import flower, paths, project, signals
from .broker import Broker
from .errors import WorkshopError
from .ports import free_port
from .processes import START_SECONDS, Supervisor
from .services import Service, from_procfile

Entered = TypeVar("Entered")
NEEDED = {"web", "worker", "migrate"}
"""The services without which photos do not get through."""


def newest() -> str:
    """The name of the last solution. Raises WorkshopError when there is none with a Procfile."""
    found = sorted(file.parent.name for file in paths.SOLUTIONS.glob("[0-9]*/Procfile"))
    if not found:
        raise WorkshopError(
            f"There is no solution in {paths.shown(paths.SOLUTIONS)}. Is this a complete clone?"
        )
    return found[-1]


class Site:
    """The solution `name`, run with a database, photos and a log that lie in `folder`.

    `start()`, then `wait()`; `stop()` ends all of it, whatever stage it is at.
    without: names of processes that are left out. commands: others than the Procfile's, by name.
    variables: more of them for its processes. PRACTICE is 0, as on a server, unless they say otherwise.
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
        """What has happened to the processes, in sentences."""
        self.log = folder / f"{name}.log"
        self._without, self._commands, self._variables = without, commands or {}, variables or {}
        self._folder, self.data = folder, folder / name
        self._flower_port = free_port()
        self._broker = Broker(prefer=None)
        self._ready, self._ended = threading.Event(), threading.Event()
        self._supervisor: Supervisor | None = None

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def broker_url(self) -> str:
        return self._broker.url

    @property
    def broker_pid(self) -> int | None:
        return self._broker.pid

    @property
    def flower_address(self) -> str | None:
        """Where Flower answers; None when the Procfile starts none."""
        return f"http://localhost:{self._flower_port}" if "flower" in self.processes else None

    @property
    def processes(self) -> list[str]:
        """The names of what the Procfile starts."""
        return [name for name in self._supervisor.running if name != "migrate"]

    def pid(self, name: str) -> int:
        """The process of that name in the Procfile."""
        return self._supervisor.running[name].pid

    def start(self) -> None:
        """Start the broker and every process, and return at once.

        Raises WorkshopError when the broker does not start or the Procfile cannot be read.
        """
        self._broker.start()
        services = self._services()
        output = self.log.open("w", encoding="utf-8")
        self._supervisor = Supervisor(
            services,
            self.project.folder,
            Printer(output, colour=False),
            say=self.news.append,
            on_ready=self._ready.set,
            broker=self._broker,
        )
        threading.Thread(target=self._run, daemon=True).start()

    def wait(self) -> None:
        """Return once the site answers and its worker is ready.

        Raises WorkshopError when one of them does not start, with the reason.
        """
        self._ready.wait(START_SECONDS + 5)
        missing = NEEDED.intersection(self._supervisor.not_ready())
        if missing:
            why = "\n".join(self.news) or "\n".join(self.last_lines())
            raise WorkshopError(
                f"{self.project.shown} does not run: {', '.join(sorted(missing))} did not start.\n"
                f"{why}\n"
                "Look for what is wrong on this computer: ./workshop doctor"
            )

    def last_lines(self, count: int = 10) -> list[str]:
        """The end of the log of all processes."""
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]

    def stays(self, seconds: float) -> bool:
        """Wait so long; False once its processes are no longer looked after."""
        # Not Thread.join(): interrupted, it takes the thread for ended (Python 3.11 and 3.12).
        return not self._ended.wait(seconds)

    def hurry(self) -> None:
        """Do not wait for a task that is at work. For a signal handler while `stop()` waits."""
        if self._supervisor is not None:
            self._supervisor.stop()

    def end_broker(self) -> None:
        """End the broker alone, as a fault."""
        self._broker.stop()

    def stop(self) -> None:
        """End every process, then the broker."""
        try:
            if self._supervisor is not None:
                self._supervisor.stop()
                self._ended.wait()
        finally:
            self._broker.stop()

    def _run(self) -> None:
        try:
            with contextlib.closing(self._supervisor.printer.output):
                self._supervisor.run()
        finally:
            self._ended.set()
            self._ready.set()

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its processes."""
        environment = self.project.environment(self._broker.url, self.data, self.port, kept=False)
        # A site that is ended in the middle of an upload leaves that upload's temporary file.
        environment |= {"TMPDIR": str(self._folder), "PYTHONDONTWRITEBYTECODE": "1", "PRACTICE": "0"}
        return environment | flower.environment(self._flower_port) | self._variables

    def _services(self) -> list[Service]:
        environment = self.environment
        migrate = Service(
            "migrate", "python manage.py migrate --no-input", self.project.folder, environment, once=True
        )
        found = [
            # The solution has all steps done, so nothing waits for one.
            replace(service, waits=None, command=self._commands.get(service.name, service.command))
            for service in from_procfile(self.project, environment, self.port)
            if service.name not in self._without
        ]
        return [*found, migrate]


@contextlib.contextmanager
def running(
    name: str,
    without: Collection[str] = (),
    commands: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Site]:
    """The solution `name`, ready, for as long as the block lasts; then nothing of it stays, no file either.

    without, commands, variables: as `Site` takes them. Raises WorkshopError when it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="workshop-site-", ignore_cleanup_errors=True) as folder:
        site = Site(name, Path(folder), without, commands, variables)
        try:
            site.start()
            site.wait()
            yield site
        finally:
            site.stop()


class Ending:
    """Ctrl-C, SIGTERM and a closed terminal raise KeyboardInterrupt, once, never half way through a start.

    What is begun here is ended by `stack`. Call `hold()` before that is left: then no signal gets in between.
    """

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._asked = self._held = False
        self._sites: list[Site] = []
        self._stack = stack
        stack.enter_context(signals.handled(self._signalled))

    def entered(self, context: AbstractContextManager[Entered]) -> Entered:
        """Enter a context that `stack` leaves, and return what it gives."""
        with self.whole():
            return self._stack.enter_context(context)

    def folder(self) -> Path:
        """A temporary folder for the sites' data."""
        folder = tempfile.TemporaryDirectory(prefix="workshop-demo-", ignore_cleanup_errors=True)
        return Path(self.entered(folder))

    def started(self, site: Site) -> Site:
        """Start `site` and return it. Raises WorkshopError as `Site.start` does."""
        with self.whole():
            self._sites.append(site)
            self._stack.callback(site.stop)
            site.start()
        return site

    def hold(self) -> None:
        """From here on a signal interrupts nothing; a second one ends the sites' tasks at once."""
        self._held = True

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """What is begun in this block is begun wholly: a signal waits until its end."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            if self._asked:
                raise KeyboardInterrupt

    def _signalled(self, *_: object) -> None:
        first, self._asked = not self._asked, True
        if not first:
            for site in self._sites:
                site.hurry()
        elif not self._held:
            raise KeyboardInterrupt
