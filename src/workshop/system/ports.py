"""TCP ports on this machine: find free ports, claim them, and find the processes that use the others."""

import contextlib
import errno
import fcntl
import os
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

ENDED = "a process that has just ended"
ANOTHER = "another user's process"
SYSTEM = "the system: below 1024 only an administrator's process may listen"
LAST = 65535
_claims: dict[int, int] = {}
"""The descriptor of the locked file of each port that this process has claimed."""


@dataclass(frozen=True)
class Holder:
    """The process that listens on a port. `pid` is None for another user's process and for the system."""

    port: int
    pid: int | None
    name: str

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})" if self.pid else self.name


def is_free(port: int) -> bool:
    """Return True if nothing listens on `port` and a server can be bound to it."""
    # On macOS, a server can bind to 127.0.0.1 although another one uses 0.0.0.0, so also try to connect.
    if _answers(socket.AF_INET, "127.0.0.1", port) or _answers(socket.AF_INET6, "::1", port):
        return False
    return _refusal(port) not in (errno.EADDRINUSE, errno.EACCES)


def claim(port: int) -> bool:
    """Reserve `port` for this process and its children until this process ends. Returns False if it is taken.

    A server starts to listen seconds after its port was found to be free. Without the claim, another clone
    that starts in the meantime would choose the same port.
    """
    if not is_free(port):
        return False
    if port in _claims:
        return True
    with contextlib.suppress(OSError):  # without the folder, only listening servers count
        file = os.open(_claim_file(port), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(file, 20)
            os.close(file)
            return pid in [str(each).encode() for each in _ancestors()]
        os.truncate(file, 0)
        os.write(file, str(os.getpid()).encode())
        _claims[port] = file
    return True


def claim_next(port: int) -> int:
    """Claim `port`, or the next one that is free, and return it; after the last, any."""
    return next(filter(claim, range(port, LAST + 1)), None) or free_port()


def claimant(port: int) -> Holder | None:
    """Return the process that has claimed `port` and doesn't listen on it yet; None if there is none."""
    with contextlib.suppress(OSError, ValueError), open(_claim_file(port)) as claimed:
        pid = int(claimed.read())
        try:
            fcntl.flock(claimed, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return Holder(port, pid, _describe(pid))
    return None


def next_free(port: int) -> int:
    """Return `port` if it is free, otherwise the next free port; after the last port, any free port."""
    return next(filter(is_free, range(port, LAST + 1)), None) or free_port()


def free_port() -> int:
    """Return a currently free port that the operating system chooses."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def who_holds(port: int) -> Holder | None:
    """Return the process that listens on `port`, or None if the port is free."""
    for pid, connection in _listening():
        if connection.laddr and connection.laddr.port == port:
            return Holder(port, pid, _describe(pid))
    if is_free(port):
        return None
    return Holder(port, None, SYSTEM if _refusal(port) == errno.EACCES else ANOTHER)


def taken_by(port: int) -> str:
    """Return a description of the process that listens on `port`."""
    return str(who_holds(port) or claimant(port) or ENDED)


def listener(pid: int, port: int) -> int | None:
    """Return the pid that listens on `port`: `pid` or one of its children; None if neither does."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            if any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in _own_connections(each)):
                return each.pid
    return None


def _claim_file(port: int) -> Path:
    folder = Path(tempfile.gettempdir()) / f"workshop-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / str(port)


def _ancestors() -> list[int]:
    with contextlib.suppress(psutil.Error):
        return [each.pid for each in psutil.Process().parents()]
    return []


def _listening():
    try:
        found = [(connection.pid, connection) for connection in psutil.net_connections("tcp")]
    except psutil.AccessDenied:  # on macOS, only root sees all connections
        found = [(process.pid, c) for process in psutil.process_iter() for c in _own_connections(process)]
    return [(pid, c) for pid, c in found if c.status == psutil.CONN_LISTEN]


def _own_connections(process: psutil.Process) -> list:
    with contextlib.suppress(psutil.Error):
        return process.net_connections("tcp")
    return []


def _describe(pid: int | None) -> str:
    if pid is None:
        return ANOTHER
    try:
        process = psutil.Process(pid)
        text = " ".join(process.cmdline()) or process.name()
    except psutil.Error:
        return ENDED
    return text if len(text) <= 70 else text[:67] + "…"


def _refusal(port: int) -> int:
    """Try to bind a server to `port`, and return the error number, or 0 on success."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno
    return 0


def _answers(family: int, host: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as client:
            client.settimeout(0.5)
            return client.connect_ex((host, port)) == 0
    except OSError:
        return False
