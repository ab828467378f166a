"""Read the project's Procfile, and start its workers."""

import os
import re
import shlex
from pathlib import Path

from honcho.environ import parse_procfile

from workshop.runtime.procfile import Service

from . import STARTING, Complaint, until
from .queues import Queue
from .worker import QUICK_START, READY, Process

FILE = "Procfile"


def read(folder: Path) -> dict[str, Service]:
    """Return the processes in the Procfile of the project in `folder`, by name."""
    try:
        commands = parse_procfile((folder / FILE).read_text(encoding="utf-8")).processes
    except FileNotFoundError:
        raise Complaint("the project has no Procfile.", file=FILE) from None
    except AssertionError:
        raise Complaint(
            "the Procfile names a process twice.", "Give each process its own name.", file=FILE
        ) from None
    return {name: Service(name, command, folder, {}) for name, command in commands.items()}


def words(service: Service) -> list[str]:
    """Return the words of the command."""
    try:
        return shlex.split(service.command)
    except ValueError as error:
        raise Complaint(
            f"the line of {service.name} cannot be read: {error}.", line=shown(service), file=FILE
        ) from None


def workers(services: dict[str, Service]) -> list[Service]:
    """Return those processes that are Celery workers."""
    return [service for service in services.values() if "worker" in words(service)]


def shown(service: Service) -> str:
    """Return the line as it is in the Procfile."""
    return f"{service.name}: {service.command}"


class Crew:
    """All workers in the Procfile, running at the same time. They consume from the broker of `queue`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._members: dict[str, tuple[Service, Process]] = {}

    @property
    def running(self) -> bool:
        return any(process.running for _, process in self._members.values())

    def start(self, services: list[Service], queue: Queue) -> None:
        """Start the workers without waiting until they are ready: see `wait_ready()`."""
        if self.running:
            return
        for service in services:
            process = Process(self.folder)
            process.launch(_quick(service), os.environ | queue.environment)
            self._members[service.name] = service, process

    def wait_ready(self) -> None:
        """Wait until all workers are ready. Complains, with the Procfile's line, if one has exited."""
        for service, process in self._members.values():
            until(lambda: READY in process.log or not process.running, STARTING)  # noqa: B023
            if READY not in process.log:
                raise Complaint(
                    f"the worker {service.name} did not start.",
                    worker_says=process.last_words or "nothing",
                    line=shown(service),
                    file=FILE,
                )

    def names(self) -> dict[str, str]:
        """Return the Celery name of each worker by its name in the Procfile: slow -> slow@host."""
        found = {name: re.search(r"(\S+@\S+) ready\.", p.log) for name, (_, p) in self._members.items()}
        return {name: match[1] if match else "" for name, match in found.items()}

    def stop(self) -> None:
        """Stop all workers."""
        for _, process in self._members.values():
            process.stop()
        self._members.clear()


def _quick(service: Service) -> str:
    extra = f" {' '.join(QUICK_START)}" if service.is_simple else ""
    return service.shell_command + extra
