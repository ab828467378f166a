"""The services in a project's Procfile, and how to tell when each service is ready."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from honcho.environ import PROCFILE_LINE

from workshop import paths
from workshop.course import progress
from workshop.course.project import Project
from workshop.errors import WorkshopError

_PROBE = "from celery.app.utils import find_app; find_app({app!r})"
_ASSIGNMENT = re.compile(r"\w+=")


@dataclass(frozen=True)
class Service:
    """A process to keep running.

    Attributes:
        name: The service's name.
        command: The shell command.
        folder: The folder where the command runs.
        environment: All environment variables of the command.
        port: The port on which the service listens once it is ready.
        ready_line: The text that the log contains once the service is ready. Without `port` and `ready_line`,
            the service is ready when it prints its first line.
        restarts: Whether to restart the service when code changes. Use False for a service that reloads code
            on its own.
        reads: Other files that the service reads. A change to one of these files restarts the service.
        waits: The step that the learner must complete before the service can start.
        once: Whether the service is done when it exits with code 0.
        log: The file that the service's output goes to, or None to show the output in the terminal.
    """

    name: str
    command: str
    folder: Path
    environment: dict[str, str]
    port: int | None = None
    ready_line: str | None = None
    restarts: bool = False
    reads: tuple[str, ...] = ()
    waits: str | None = None
    once: bool = False
    log: Path | None = None

    @property
    def shell_command(self) -> str:
        """The command, preceded by `exec` if it is a single command.

        With `exec`, the command replaces the shell and receives signals directly.
        """
        if not self.is_simple:
            return self.command
        return f"exec env {self.command}" if _ASSIGNMENT.match(self.command) else f"exec {self.command}"

    @property
    def is_simple(self) -> bool:
        """Whether this is a single command, without pipes or command lists.

        A single command receives signals directly.
        """
        return not re.search(r"[;&|()]", self.command)

    @property
    def words(self) -> list[str]:
        """The command, split into words as a shell splits it.

        Raises:
            ValueError: The command is not valid shell syntax.
        """
        return shlex.split(self.command)

    @property
    def app(self) -> str | None:
        """The Celery app that the command names, such as "myproject" in `celery -A myproject worker`."""
        return self.option("-A", "--app")

    def option(self, *names: str) -> str | None:
        """Return the value of an option in the command, or None if the command doesn't contain the option.

        Args:
            *names: The option's short and long names, such as "-s" and "--schedule".
        """
        for word, following in zip(self.words, [*self.words[1:], ""], strict=True):
            if word in names:
                return following
            name, equals, value = word.partition("=")
            if equals and name in names:
                return value
        return None

    @property
    def probe(self) -> str | None:
        """A command that exits with code 0 once the step that the service is waiting for is done."""
        if self.waits is None or self.app is None:
            return None
        return "exec python -c " + shlex.quote(_PROBE.format(app=self.app))


class UnreadableLine(ValueError):
    """Raised if a line of a Procfile cannot be read. The message says why, without a period.

    Attributes:
        line: The line.
        fix: How to fix the line, as a sentence.
    """

    def __init__(self, why: str, line: str, fix: str):
        super().__init__(why)
        self.line, self.fix = line, fix


def read_commands(file: Path) -> dict[str, str]:
    """Return the command of each process in a Procfile, by name.

    honcho itself ignores a line that it can't read.

    Raises:
        FileNotFoundError: There is no Procfile.
        UnreadableLine: A line names no process, names the same process as an earlier line, or contains a
            command that a shell can't parse.
    """
    commands: dict[str, str] = {}
    for line in file.read_text(encoding="utf-8-sig", errors="replace").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = PROCFILE_LINE.match(line)
        if match is None:
            raise UnreadableLine(
                "it does not start with a name and a colon",
                line,
                "Write the line like this: web: python manage.py …",
            )
        name, command = match.groups()
        if name in commands:
            raise UnreadableLine(f"it names {name} again", line, "Give each process its own name.")
        try:
            shlex.split(command)
        except ValueError as error:
            raise UnreadableLine(str(error), line, "Look for an unmatched ' or \", and fix it.") from None
        commands[name] = command
    return commands


def from_procfile(project: Project, environment: dict[str, str], port: int) -> list[Service]:
    """Return the services in the project's Procfile.

    Args:
        project: The project.
        environment: All environment variables of the services.
        port: The port for the service `web`.

    Raises:
        WorkshopError: The Procfile is missing, lists no processes, names a process twice, or contains a line
            that a shell can't parse.
    """
    file = project.folder / "Procfile"
    try:
        commands = read_commands(file)
    except FileNotFoundError:
        raise WorkshopError(
            f"{project.shown} has no Procfile, so there is nothing to start. Restore the file:  cp "
            f"{paths.typed(project.lesson.folder / 'Procfile')} {paths.typed(file)}"
        ) from None
    except UnreadableLine as error:
        raise WorkshopError(
            f"A line in {project.shown}/Procfile cannot be read: {error}.\n"
            f"  {error.line}\n"
            f"{error.fix} Then run the same command again."
        ) from None
    if not commands:
        raise WorkshopError(
            f"{project.shown}/Procfile lists no processes. A line looks like this: web: python manage.py …"
        )
    # Skip the probe if the step's check has passed, because a probe takes at least a quarter of a second.
    passed = progress.passed_steps(project.lesson.name) if project.is_learners else []
    waits = {name: step for name, step in project.lesson.waits.items() if step not in passed}
    return [
        Service(
            name=name,
            command=command,
            folder=project.folder,
            environment=environment,
            waits=waits.get(name),
            **_ready_and_restart(name, command, environment, port),
        )
        for name, command in commands.items()
    ]


def _ready_and_restart(name: str, command: str, environment: dict[str, str], port: int) -> dict:
    """Return the attributes of a Service that define when it is ready and what restarts it."""
    words = command.split()
    if name == "web":
        return {"port": port}
    if "flower" in words:
        # Flower forgets all tasks when it exits, so only a change to its configuration restarts it.
        return {"port": int(environment.get("FLOWER_PORT", 5555)), "reads": ("flowerconfig.py",)}
    if "worker" in words:
        return {"ready_line": " ready.", "restarts": True}
    if "beat" in words and "info" in command.lower():
        return {"ready_line": "beat: Starting...", "restarts": True}
    return {"restarts": True}
