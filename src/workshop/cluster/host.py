"""One worker as on a host of its own: a name, a data folder and a process group that nothing else shares."""

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from workshop import signals
from workshop.checkkit import until
from workshop.checkkit.worker import READY
from workshop.errors import WorkshopError

PATIENCE = 60.0
"""Seconds in which a worker starts, or ends."""
MOMENT = 0.02
"""Seconds. A worker takes a message and writes that it has received it in a few milliseconds."""
COMMAND = "-A myproject worker --loglevel INFO --concurrency 1 --queues celery"


class Host:
    """A worker with one process, of the project in `code`. Its data lie in `folder`/`name`."""

    def __init__(self, name: str, code: Path, folder: Path, environment: Mapping[str, str]):
        self.name, self.code = name, code
        self.data = folder / name
        self.data.mkdir()
        self._environment = dict(environment) | {"DATA_DIR": str(self.data)}
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen | None = None

    @property
    def log(self) -> str:
        """What the worker has written since its last start."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def resized(self) -> int:
        """How many photos it has resized since its last start."""
        return sum("resize_image_task" in line and "] succeeded" in line for line in self.log.splitlines())

    @property
    def held(self) -> int:
        """The messages in its hands: taken from the broker, and not done."""
        taken = sum("resize_image_task" in line and " received" in line for line in self.log.splitlines())
        return taken - self.resized

    @property
    def files(self) -> list[Path]:
        """The photos in its data folder."""
        return [file for file in self.data.glob("media/**/*") if file.is_file()]

    def steady(self) -> bool:
        """Whether it writes nothing for a moment: it is at its work, and takes no message.

        Killed while it takes one, it may lose it (docs/explanation/delivery.md, "A gap in at least once").
        """
        before = self.log
        time.sleep(MOMENT)
        return self.log == before

    def start(self) -> None:
        """Begin to start it; `wait` waits for it."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "celery", *COMMAND.split(), "--hostname", f"photos@{self.name}"],
                cwd=self.code,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Return once it takes tasks. Raises WorkshopError, with its last words, when it does not."""
        until(lambda: READY in self.log or self._process.poll() is not None, PATIENCE)
        if READY in self.log:
            return
        why = "ended at once" if self._process.poll() is not None else f"took more than {PATIENCE:.0f} s"
        last = "\n".join(self.log.splitlines()[-10:]) or "nothing"
        raise WorkshopError(f"The worker of {self.name} did not start: it {why}. It wrote last:\n{last}")

    def kill(self) -> None:
        """End it as a power cut would, with its pool."""
        signals.to_group(self._process.pid)
        self._process.wait()

    def ask_to_stop(self) -> None:
        """Tell it to end after the task that it is at, if it runs; `stop` waits for that."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def stop(self) -> None:
        """End it after the task that it is at, if it runs."""
        self.ask_to_stop()
        if self._process is None:
            return
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
