"""Start the fork server, and run programs in the processes that it forks."""

import contextlib
import json
import os
import select
import signal
import socket
import sys
import tempfile
from pathlib import Path

from workshop import paths
from workshop.system import signals
from workshop.system.child import Child
from workshop.system.environment import inherited

SOCKET_VARIABLE = "WORKSHOP_FORKS"
"""The environment variable that contains the file descriptor of a socket.

A forked process uses this socket to request another fork.
"""


class Fork:
    """A process that the fork server forks immediately. The process waits until `run()` tells it what to run.

    Args:
        server: The server's socket.
        output: The file descriptor for the process's output.
        group: The process group that the process joins. If this is 0, the process leads a new group, which
            the server kills when the process exits.
        events: A file descriptor to which the process can write events.

    Attributes:
        exit_code: The process's exit code, which is None while the process is running and negative if a
            signal ended the process. `running` and `wait` update the exit code.
    """

    def __init__(self, server: socket.socket, output: int, group: int = 0, events: int | None = None):
        self.exit_code: int | None = None
        self._pid: int | None = None
        self._lost = False  # the server exited before the process
        self._status_lines = b""  # the pid, and later the exit code
        stdin, program = os.pipe()
        self._status, status = os.pipe()
        self._program = os.fdopen(program, "wb")
        try:
            files = [stdin, output, status] + ([] if events is None else [events])
            socket.send_fds(server, [b"%d" % group], files)
        finally:
            os.close(stdin)
            os.close(status)

    def run(self, program: str, arguments: list[str], folder: Path, environment: dict[str, str]) -> None:
        """Run a program in the process.

        Args:
            program: "pytest", "celery" or "python".
            arguments: The program's arguments. For "python", the first argument is the code, as in
                `python -c`.
            folder: The folder where the program runs.
            environment: All environment variables of the program.
        """
        options = {"arguments": arguments, "folder": str(folder), "environment": environment}
        with contextlib.suppress(BrokenPipeError), self._program:
            self._program.write(json.dumps({"program": program, **options}).encode() + b"\n")

    @property
    def pid(self) -> int:
        """The process ID. Reading this property waits until the server has forked the process.

        Raises:
            ProcessLookupError: The server has exited.
        """
        while self._pid is None and self.exit_code is None:
            self._read_status(None)
        if self._pid is None:
            raise ProcessLookupError("the fork server has exited")
        return self._pid

    @property
    def running(self) -> bool:
        """Whether the process has not exited yet."""
        return self.wait(0) is None

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait up to `seconds` for the process to exit. Return the exit code, or None after a timeout."""
        # The server sends the pid immediately, so only the wait for the exit code takes time.
        while self.exit_code is None and self._read_status(seconds):
            pass
        return self.exit_code

    def terminate(self) -> None:
        """Send SIGTERM to the process."""
        if self.running:
            os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Kill the process and the process group that it leads."""
        with contextlib.suppress(BrokenPipeError):
            self._program.close()
        with contextlib.suppress(ProcessLookupError):
            if self.running or self._lost:
                signals.to_group(self.pid)
        self.wait()

    def _read_status(self, seconds: float | None) -> bool:
        """Read the pid or the exit code from the server. Return False if neither arrives within `seconds`."""
        if not select.select([self._status], [], [], seconds)[0]:
            return False
        received = os.read(self._status, 100)
        self._status_lines += received
        pid, code, *_ = [*self._status_lines.splitlines(), None, None]
        self._pid = int(pid) if pid else None
        if code or not received:
            self.exit_code = int(code) if code else -signal.SIGKILL
            self._lost = not code
            os.close(self._status)
        return True


class ForkServer:
    """The fork server's process, which loads the libraries in the background.

    Use the server as a context manager, or call `close()`.

    Args:
        celery: Whether to load Celery as well.

    Attributes:
        folder: A temporary folder that is shared by everything that uses the server.
        socket: The socket for requests to the server, which you pass to `Fork`.
    """

    def __init__(self, celery: bool = True):
        self._folder = tempfile.TemporaryDirectory(prefix="workshop-forks-")
        self.folder = Path(self._folder.name)
        requests, self.socket = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ends = [requests.fileno(), self.socket.fileno()]
        libraries = ["pytest", "django", *(["celery"] if celery else [])]
        environment = inherited() | {"PYTHONPATH": str(paths.SOURCES), "PYTHONUNBUFFERED": "1"}
        try:
            self._process = Child(
                [sys.executable, "-P", "-m", "workshop.runtime.fork_server", *map(str, ends), *libraries],
                environment=environment,
                log=self.folder / "server.log",
                leash=True,
                pass_fds=ends,
            )
        except BaseException:
            self.socket.close()
            self._folder.cleanup()
            raise
        finally:
            requests.close()

    def close(self) -> None:
        """Stop the server. Before you call this method, stop the processes that the server has forked."""
        self._process.kill()
        self.socket.close()
        self._folder.cleanup()

    def __enter__(self) -> "ForkServer":
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()


def server_socket() -> socket.socket:
    """Return the socket of the server that forked this process."""
    return socket.socket(fileno=os.dup(int(os.environ[SOCKET_VARIABLE])))
