"""A simulated host: a worker with its own name, data folder and process group."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path

from workshop.checkkit.worker import READY
from workshop.errors import WorkshopError
from workshop.system.child import Child

PATIENCE = 60.0
"""The maximum number of seconds to wait for a worker to start or stop."""
MOMENT = 0.02
"""The number of seconds to watch a worker's log for new lines.

A worker needs only a few milliseconds to receive and log a message.
"""
COMMAND = "-A myproject worker --loglevel INFO --concurrency 1 --queues celery"


class Host:
    """A simulated host that runs a worker with one process.

    Args:
        name: The name of the host.
        code: The project's folder.
        folder: The folder for the host's log file. The host's own data folder is `folder`/`name`.
        environment: The site's environment variables, which are passed to the worker.
    """

    def __init__(self, name: str, code: Path, folder: Path, environment: Mapping[str, str]):
        self.name, self.data = name, folder / name
        self.data.mkdir()
        self._code = code
        self._environment = dict(environment) | {"DATA_DIR": str(self.data)}
        self._log = folder / f"{name}.log"
        self._process: Child | None = None

    @property
    def log(self) -> str:
        """The worker's log since its last start."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def resized(self) -> int:
        """The number of photos that the worker has resized since its last start."""
        return sum("resize_image_task" in line and "] succeeded" in line for line in self.log.splitlines())

    @property
    def unfinished(self) -> int:
        """The number of messages that the worker has received but not finished."""
        received = sum("resize_image_task" in line and " received" in line for line in self.log.splitlines())
        return received - self.resized

    @property
    def files(self) -> list[Path]:
        """The photos in the worker's data folder."""
        return [file for file in self.data.glob("media/**/*") if file.is_file()]

    def is_quiet(self) -> bool:
        """Return True if the worker logs nothing for MOMENT seconds, which means it isn't fetching a message.

        If a worker is killed while it fetches a message, the message can be lost
        (docs/explanation/delivery.md, "A gap in at least once").
        """
        before = self.log
        time.sleep(MOMENT)
        return self.log == before

    def start(self) -> None:
        """Start the worker. Call `wait` to wait until it is ready."""
        self._process = Child(
            [sys.executable, "-m", "celery", *COMMAND.split(), "--hostname", f"photos@{self.name}"],
            folder=self._code,
            environment=self._environment,
            log=self._log,
        )

    def wait(self) -> None:
        """Wait until the worker is ready.

        Raises:
            WorkshopError: If the worker did not start. The message contains the end of the worker's log.
        """
        if self._process.wait_for(READY, PATIENCE):
            return
        why = f"wasn't ready after {PATIENCE:.0f} s" if self._process.running else "exited immediately"
        last = self._process.last_lines() or "(empty)"
        raise WorkshopError(f"The worker on {self.name} did not start: it {why}. The end of its log:\n{last}")

    def kill(self) -> None:
        """Kill the worker and its pool process, as a power failure would."""
        self._process.kill()

    def terminate(self) -> None:
        """If the worker is running, ask it to exit after its current task. Returns immediately."""
        if self._process is not None:
            self._process.terminate()

    def stop(self) -> None:
        """If the worker is running, stop it, but let it finish its current task first."""
        if self._process is not None:
            self._process.stop(PATIENCE)
