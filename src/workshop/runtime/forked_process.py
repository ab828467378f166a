"""Start the fork server, and run programs in the processes that it forks."""

import contextlib
import json
import os
import select
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

from workshop import paths
from workshop.system import signals
from workshop.system.child import Child
from workshop.system.environment import inherited

DOOR = "WORKSHOP_FORKS"
"""The variable with the file descriptor of the socket on which a forked process requests another process."""


class Fork:
    """A process that the fork server forks at once. It waits until `run()` says what to run.

    door: the server's socket. output: the file descriptor for the process's output.
    group: the process group to join. With 0, the process leads a new group, which the server kills when the
    leader exits.
    events: another file descriptor for the process.
    """

    def __init__(self, door: socket.socket, output: int, group: int = 0, events: int | None = None):
        self.returncode: int | None = None
        self._pid: int | None = None
        self._lost = False  # the server exited before the process
        self._said = b""
        waiting, word = os.pipe()
        self._status, status = os.pipe()
        self._word = os.fdopen(word, "wb")
        try:
            files = [waiting, output, status] + ([] if events is None else [events])
            socket.send_fds(door, [b"%d" % group], files)
        finally:
            os.close(waiting)
            os.close(status)

    def run(self, program: str, arguments: list[str], folder: Path, environment: dict[str, str]) -> None:
        """Run "pytest", "celery" or "python" with the arguments, in `folder`.

        The first argument of "python" is the code, as in `python -c`. environment: all environment variables.
        """
        word = {
            "program": program,
            "arguments": arguments,
            "folder": str(folder),
            "environment": environment,
        }
        with contextlib.suppress(BrokenPipeError), self._word:
            self._word.write(json.dumps(word).encode() + b"\n")

    @property
    def pid(self) -> int:
        """The process ID.

        Waits for the server to fork. Raises ProcessLookupError if the server has exited.
        """
        while self._pid is None and self.returncode is None:
            self._listen(None)
        if self._pid is None:
            raise ProcessLookupError("the fork server has exited")
        return self._pid

    @property
    def running(self) -> bool:
        while self.returncode is None and self._listen(0):
            pass
        return self.returncode is None

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait until it exits, and return its exit code. Returns None after `seconds`."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while self.returncode is None:
            if not self._listen(None if deadline is None else max(0, deadline - time.monotonic())):
                break
        return self.returncode

    def terminate(self) -> None:
        """Send SIGTERM to the process."""
        if self.running:
            os.kill(self.pid, signal.SIGTERM)

    def end(self) -> None:
        """Kill the process and the group that it leads, whatever they are doing."""
        with contextlib.suppress(BrokenPipeError):
            self._word.close()
        with contextlib.suppress(ProcessLookupError):
            if self.running or self._lost:
                signals.to_group(self.pid)
        self.wait()

    def _listen(self, seconds: float | None) -> bool:
        """Read the pid or the exit code from the server.

        Returns False if nothing arrives within `seconds`.
        """
        if not select.select([self._status], [], [], seconds)[0]:
            return False
        said = os.read(self._status, 100)
        self._said += said
        pid, code, *_ = [*self._said.splitlines(), None, None]
        self._pid = int(pid) if pid else None
        if code or not said:
            self.returncode = int(code) if code else -signal.SIGKILL
            self._lost = not code
            os.close(self._status)
        return True


class ForkServer:
    """The fork server's process. It loads the libraries in the background.

    Use it as a context manager, or call `close()`. `folder` is a temporary folder that its users share.

    celery: whether to load Celery as well.
    """

    def __init__(self, celery: bool = True):
        self._folder = tempfile.TemporaryDirectory(prefix="workshop-forks-")
        self.folder = Path(self._folder.name)
        asked, self.door = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ends = [asked.fileno(), self.door.fileno()]
        libraries = ["pytest", "django", *(["celery"] if celery else [])]
        environment = inherited() | {
            "PYTHONPATH": str(paths.SOURCES),
            "PYTHONUNBUFFERED": "1",
        }
        try:
            self._process = Child(
                [sys.executable, "-P", "-m", "workshop.runtime.fork_server", *map(str, ends), *libraries],
                environment=environment,
                log=self.folder / "server.log",
                leash=True,
                pass_fds=ends,
            )
        except BaseException:
            self.door.close()
            self._folder.cleanup()
            raise
        finally:
            asked.close()

    def close(self) -> None:
        """Stop the server. Stop the processes that it forked first."""
        self._process.kill()
        self.door.close()
        self._folder.cleanup()

    def __enter__(self) -> "ForkServer":
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()


def door() -> socket.socket:
    """Return the socket of the server that forked this process."""
    return socket.socket(fileno=os.dup(int(os.environ[DOOR])))
