"""A simulated host: a worker with its own name, data folder and process group."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path

from workshop.checkkit.worker import READY
from workshop.errors import WorkshopError
from workshop.system.child import Child

PATIENCE = 60.0
"""Seconds to wait for a worker to start or stop."""
MOMENT = 0.02
"""Seconds. A worker needs only a few milliseconds to receive a message and log it."""
COMMAND = "-A myproject worker --loglevel INFO --concurrency 1 --queues celery"


class Host:
    """A worker with one process.

    Args:
        name: The host's name.
        code: The project's folder.
        folder: The folder for the host's log and for its data, which is in `folder`/`name`.
        environment: The site's environment variables.
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
        """The number of photos the worker has resized since its last start."""
        return sum("resize_image_task" in line and "] succeeded" in line for line in self.log.splitlines())

    @property
    def unfinished(self) -> int:
        """The number of messages the worker has received but not finished."""
        received = sum("resize_image_task" in line and " received" in line for line in self.log.splitlines())
        return received - self.resized

    @property
    def files(self) -> list[Path]:
        """The photos in the worker's data folder."""
        return [file for file in self.data.glob("media/**/*") if file.is_file()]

    def is_quiet(self) -> bool:
        """Return True if the worker logs nothing for a moment: it runs a task and doesn't fetch a message.

        A worker that is killed while it fetches a message can lose the message (docs/explanation/delivery.md,
        "A gap in at least once").
        """
        before = self.log
        time.sleep(MOMENT)
        return self.log == before

    def start(self) -> None:
        """Start the worker without waiting until it is ready: call `wait` for that."""
        self._process = Child(
            [sys.executable, "-m", "celery", *COMMAND.split(), "--hostname", f"photos@{self.name}"],
            folder=self._code,
            environment=self._environment,
            log=self._log,
        )

    def wait(self) -> None:
        """Return once the worker is ready.

        Raises:
            WorkshopError: The worker did not start. The message contains the end of its log.
        """
        if self._process.wait_for(READY, PATIENCE):
            return
        why = f"wasn't ready after {PATIENCE:.0f} s" if self._process.running else "exited immediately"
        last = self._process.last_lines() or "(empty)"
        raise WorkshopError(f"The worker on {self.name} did not start: it {why}. The end of its log:\n{last}")

    def kill(self) -> None:
        """Kill the worker and its pool, as a power cut would."""
        self._process.kill()

    def terminate(self) -> None:
        """If the worker is running, ask it to exit after its current task. `stop` waits for that."""
        if self._process is not None:
            self._process.terminate()

    def stop(self) -> None:
        """If the worker is running, stop it after its current task."""
        if self._process is not None:
            self._process.stop(PATIENCE)
