"""Start the fork server, and run programs in processes that it forks."""

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
"""The variable with the number of the socket through which a forked process asks for another one."""


class Fork:
    """One process that the server behind `door` forks, at once. It waits until `run` says what to run.

    output: number of the file that it writes to. group: the process group that it joins. With 0 it leads its
    own group, and the server kills that group once the leader has ended. events: one more file that it gets.
    """

    def __init__(self, door: socket.socket, output: int, group: int = 0, events: int | None = None):
        self.returncode: int | None = None
        self._pid: int | None = None
        self._lost = False  # the server has ended before it
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
        """Run "pytest", "celery" or "python" with the arguments, in `folder`. environment: all its variables.

        The first argument of "python" is the code, as after `python -c`.
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
        """Waits until the server has loaded its libraries. Raises ProcessLookupError when that has ended."""
        while self._pid is None and self.returncode is None:
            self._listen(None)
        if self._pid is None:
            raise ProcessLookupError("the server of the forks has ended")
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
        """Ask it to end."""
        if self.running:
            os.kill(self.pid, signal.SIGTERM)

    def end(self) -> None:
        """End it and all of its group, which it leads, wherever they are."""
        with contextlib.suppress(BrokenPipeError):
            self._word.close()
        with contextlib.suppress(ProcessLookupError):
            if self.running or self._lost:
                signals.to_group(self.pid)
        self.wait()

    def _listen(self, seconds: float | None) -> bool:
        """Read what the server writes: the pid, then the exit code. False if nothing comes in `seconds`."""
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
    """The process that forks. It loads its libraries while the owner goes on.

    celery: whether with Celery. Use it as a context manager, or call `close()`. `folder` is a temporary
    folder, for what its users share.
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
        """End it. What it forked is to be ended before."""
        self._process.kill()
        self.door.close()
        self._folder.cleanup()

    def __enter__(self) -> "ForkServer":
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()


def door() -> socket.socket:
    """The way to the server that forked this process."""
    return socket.socket(fileno=os.dup(int(os.environ[DOOR])))
