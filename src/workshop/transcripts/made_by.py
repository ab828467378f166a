"""Record the outputs under `[made_by]`, which are written by commands such as `./workshop dev faults`."""

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from workshop import paths
from workshop.errors import WorkshopError
from workshop.system import signals
from workshop.system.child import Child
from workshop.system.environment import inherited

SECONDS = 3600
"""The maximum duration of a command, in seconds. The slowest command builds a container image."""
STOP_SECONDS = 60
"""The time that an interrupted command has to stop its servers, in seconds."""


def environment() -> dict[str, str]:
    """Return environment variables that let Python find the modules of the workshop and of its tests."""
    clone = paths.SOURCES.parent
    # These variables contain Docker's address.
    docker = {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")}
    return (
        inherited()
        | docker
        | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": f"{paths.SOURCES}{os.pathsep}{clone / 'tests'}",
            "NO_COLOR": "1",
        }
    )


@dataclass(frozen=True)
class MadeBy:
    """A command that runs in the root of the repository and writes one or more output files.

    Attributes:
        folder: The folder of the output files.
        command: The command to run in bash.
        files: The names of the output files.
        quick: Whether `./workshop dev runs --check` records the outputs.
    """

    folder: Path
    command: str
    files: list[str]
    quick: bool = False

    def record(self) -> dict[str, str]:
        """Run the command, and then restore the previous contents of the output files.

        Returns:
            The contents that the command wrote to the files, by file name.

        Raises:
            WorkshopError: If the command fails or does not write all files. The error message contains the
                last lines of the command's output.
        """
        before = {name: (_time(self.folder / name), _text(self.folder / name)) for name in self.files}
        try:
            said = self._run()
            left_out = [name for name, (time, _) in before.items() if _time(self.folder / name) == time]
            if left_out:
                raise WorkshopError(f"{self.command} did not write {', '.join(left_out)}:\n{said}")
            return {name: _text(self.folder / name) for name in self.files}
        finally:
            for name, (time, text) in before.items():
                if time:
                    (self.folder / name).write_text(text, encoding="utf-8")
                else:
                    (self.folder / name).unlink(missing_ok=True)

    def _run(self) -> str:
        with Child(["bash", "-c", self.command], folder=paths.ROOT, environment=environment()) as child:
            try:
                code = child.wait(SECONDS)
            finally:
                if child.running:  # after Ctrl-C or a timeout, let the command stop its servers
                    signals.to_group(child.pid, signal.SIGINT)
                    child.wait(STOP_SECONDS)
            said = child.last_lines(20)
        if code is None:
            raise WorkshopError(
                f"This command took longer than {SECONDS} s, so it was stopped: {self.command}"
            )
        if code != 0:
            raise WorkshopError(f"{self.command} failed with exit code {code}:\n{said}")
        return said


def _time(file: Path) -> int:
    return file.stat().st_mtime_ns if file.exists() else 0


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""
