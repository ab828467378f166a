"""Read the project's Procfile, and start its workers."""

import os
from pathlib import Path

from workshop.checkkit import Complaint
from workshop.checkkit.process import Process
from workshop.checkkit.queues import Queue
from workshop.checkkit.worker import QUICK_START, READY, node_name
from workshop.runtime.procfile import Service, UnreadableLine, read_commands

FILE = "Procfile"


def read(folder: Path) -> dict[str, Service]:
    """Return the processes defined in the Procfile of the project in `folder`, by name.

    Raises:
        Complaint: There is no Procfile, or one of its lines cannot be read.
    """
    try:
        commands = read_commands(folder / FILE)
    except FileNotFoundError:
        raise Complaint("the project has no Procfile.", file=FILE) from None
    except UnreadableLine as error:
        raise Complaint(
            f"a line in the Procfile cannot be read: {error}.", error.fix, line=error.line, file=FILE
        ) from None
    return {name: Service(name, command, folder, {}) for name, command in commands.items()}


def workers(services: dict[str, Service]) -> list[Service]:
    """Return the processes that are Celery workers."""
    return [service for service in services.values() if "worker" in service.words]


def shown(service: Service) -> str:
    """Return the process's line in the Procfile."""
    return f"{service.name}: {service.command}"


class ProcfileWorkers:
    """All workers in the Procfile, running at the same time. The workers use the broker of a given queue."""

    def __init__(self):
        self._workers: list[tuple[Service, Process]] = []

    @property
    def running(self) -> bool:
        """Whether at least one of the workers is running."""
        return any(process.running for _, process in self._workers)

    def start(self, services: list[Service], queue: Queue) -> None:
        """Start the workers. To wait until they are ready, call `wait_ready()`.

        Args:
            services: The workers in the Procfile.
            queue: The queue whose broker the workers connect to.
        """
        if self.running:
            return
        self.stop()
        for service in services:
            process = Process(service.folder)
            options = f" {' '.join(QUICK_START)}" if service.is_simple else ""
            process.launch(service.shell_command + options, os.environ | queue.environment)
            self._workers.append((service, process))

    def wait_ready(self) -> None:
        """Wait until all workers are ready.

        Raises:
            Complaint: A worker exited before it was ready. The complaint contains the worker's line in the
                Procfile.
        """
        for service, process in self._workers:
            if not process.wait_for(READY):
                raise Complaint(
                    f"the worker {service.name} did not start.",
                    worker_says=process.last_error or "nothing",
                    line=shown(service),
                    file=FILE,
                )

    def names(self) -> dict[str, str]:
        """Return each worker's node name, keyed by its Procfile name, for example {"slow": "slow@host"}."""
        return {service.name: node_name(process.log) for service, process in self._workers}

    def stop(self) -> None:
        """Stop all workers."""
        for _, process in self._workers:
            process.stop()
        self._workers.clear()
