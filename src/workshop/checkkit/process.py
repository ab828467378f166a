"""Run a project's processes, each with its own log, and stop them together with their children."""

import contextlib
import os
import tempfile
from pathlib import Path

import psutil

from workshop.checkkit import STARTING
from workshop.runtime import diagnosis, forked_process
from workshop.system.child import Child
from workshop.system.waiting import until


class Process:
    """A process of the project in `folder`. It has its own log and is stopped together with its children."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._process: Child | forked_process.Fork | None = None
        self._log: Path | None = None

    @property
    def running(self) -> bool:
        """Whether the process is running."""
        return self._process is not None and self._process.running

    @property
    def pid(self) -> int:
        """The process ID. It is available only after the process has been started."""
        return self._process.pid

    @property
    def log(self) -> str:
        """The process's output since it started."""
        return self._log.read_text(errors="replace") if self._log else ""

    @property
    def last_error(self) -> str:
        """The last error in the process's log, with file and line if they are known."""
        return str(diagnosis.cause(self.log.splitlines(), self.folder))

    def launch(self, command: list[str] | str, environment: dict[str, str]) -> None:
        """Start the process.

        Args:
            command: A list of arguments, or a string for the shell.
            environment: The complete environment of the process.
        """
        log = self._new_log()
        # The process runs in the session of the checks, so that it cannot outlive the checks.
        self._process = Child(
            command, folder=self.folder, environment=environment, log=log, own_session=False
        )

    def fork(self, program: str, arguments: list[str], environment: dict[str, str]) -> None:
        """Start the process as a `Fork`, which has already loaded Django and Celery.

        Args:
            program: The name of the program to run, either "python" or "celery".
            arguments: The program's arguments. For "python", the first argument is the source code to run.
            environment: The complete environment of the process.
        """
        with self._new_log().open("wb") as output, forked_process.server_socket() as server:
            self._process = forked_process.Fork(server, output.fileno(), group=os.getpgrp())
        self._process.run(program, arguments, self.folder, environment)

    def _new_log(self) -> Path:
        handle, name = tempfile.mkstemp(prefix="process-", suffix=".log", dir=os.environ["DATA_DIR"])
        os.close(handle)
        self._log = Path(name)
        return self._log

    def family(self) -> list[psutil.Process]:
        """Return the process and its descendants, or an empty list if the process has exited."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            return [process, *process.children(recursive=True)]
        return []

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait up to `seconds` for the process to exit. Returns its exit code, or None on a timeout."""
        return self._process.wait(seconds)

    def wait_for(self, text: str, seconds: float = STARTING) -> bool:
        """Wait until the log contains `text`.

        Returns False if the process exits first, or if the text does not appear within `seconds`.
        """
        until(lambda: text in self.log or not self.running, seconds)
        return text in self.log

    def terminate(self) -> None:
        """Send SIGTERM to the process, and wait until it has exited."""
        self._process.terminate()
        until(lambda: not self.running)

    def kill(self) -> None:
        """Kill the process and its descendants at once, as a power failure would."""
        if self.running:
            family = self.family()
            for process in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self._process.wait()
            # init adopts the children and may take seconds to remove zombies, so a zombie counts as dead.
            until(lambda: not any(map(_is_alive, family)))

    def stop(self) -> None:
        """Stop the process and its descendants without letting them finish their work."""
        self.kill()
        self._process = None


def start_python(code: str, *arguments: str, **environment: str) -> Process:
    """Run Python code in a separate process of the project that is being checked.

    Args:
        code: The source code.
        *arguments: The values of sys.argv[1:].
        **environment: Additional environment variables.

    Returns:
        The running process.
    """
    process = Process(Path.cwd())
    process.fork("python", [code, *arguments], os.environ | environment)
    return process


def _is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False
