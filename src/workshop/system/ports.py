"""TCP ports on this machine: find free ports, claim ports, and find the processes that use a port."""

import contextlib
import errno
import socket
from dataclasses import dataclass

import psutil

ENDED = "a process that has just ended"
ANOTHER = "another user's process"
SYSTEM = "the system: only an administrator's process may listen on a port below 1024"
LAST = 65535
OURS = "workshop"
"""The command line of every process that claims a port contains this word.

The word distinguishes claims from the UDP ports of other programs.
"""
_claims: dict[int, socket.socket] = {}
"""The socket of each port that this process has claimed."""


@dataclass(frozen=True)
class Holder:
    """The process that listens on a port.

    Attributes:
        port: The port number.
        pid: The process ID, or None for another user's process and for the system.
        name: The process's command line, or a description of the process.
    """

    port: int
    pid: int | None
    name: str

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})" if self.pid else self.name


def is_free(port: int) -> bool:
    """Return True if no process listens on `port` and a server can bind to it."""
    # On macOS, a server can bind to 127.0.0.1 even if another server uses 0.0.0.0, so also try to connect.
    if accepts_connections(port) or accepts_connections(port, "::1"):
        return False
    return _refusal(port) not in (errno.EADDRINUSE, errno.EACCES)


def accepts_connections(port: int, host: str = "127.0.0.1") -> bool:
    """Return True if a server on this machine accepts connections to `host` on `port`."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=0.5):
        return True
    return False


def claim(port: int) -> bool:
    """Reserve `port` for this process and its children until this process ends.

    A server starts listening several seconds after its port was chosen. Without the claim, another clone that
    starts in the meantime would choose the same port. The claim is a UDP socket with the same port number.
    Only one process can bind this socket, the socket doesn't affect TCP servers, and the system closes it
    when the process exits.

    Returns:
        True if `port` is now reserved, or False if a process listens on `port` or has already claimed it.
    """
    if port in _claims or not is_free(port):
        return False
    claimed = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        claimed.bind(("127.0.0.1", port))
    except OSError:
        claimed.close()
        holder = claimant(port)
        return holder is None or holder.pid in _ancestors()
    _claims[port] = claimed
    return True


def claim_next(port: int) -> int:
    """Claim and return `port` or the next free port after it. If all are taken, return any free port."""
    return next(filter(claim, range(port, LAST + 1)), None) or free_port()


def claimant(port: int) -> Holder | None:
    """Return the workshop's process that has claimed `port`, or None if no process has claimed it."""
    for pid, connection in _connections("udp4"):
        if _is_at(connection, port) and pid and OURS in _command_line(pid):
            return Holder(port, pid, _describe(pid))
    return None


def next_free(port: int) -> int:
    """Return `port` or the next free port after it. If no later port is free, return any free port."""
    return next(filter(is_free, range(port, LAST + 1)), None) or free_port()


def free_port() -> int:
    """Return a free port, chosen by the operating system."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def who_holds(port: int) -> Holder | None:
    """Return the process that listens on `port`, or None if the port is free."""
    for pid, connection in _connections("tcp"):
        if _listens(connection, port):
            return Holder(port, pid, _describe(pid))
    if is_free(port):
        return None
    return Holder(port, None, SYSTEM if _refusal(port) == errno.EACCES else ANOTHER)


def taken_by(port: int) -> str:
    """Return a description of the process that listens on `port`."""
    return str(who_holds(port) or claimant(port) or ENDED)


def listener(pid: int, port: int) -> int | None:
    """Find out whether process `pid` or one of its descendants listens on `port`.

    Returns:
        The pid of the process that listens on the port, or None if neither process `pid` nor any of its
        descendants listens on it.
    """
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for member in (process, *process.children(recursive=True)):
            if any(_listens(connection, port) for connection in _own_connections(member, "tcp")):
                return member.pid
    return None


def _ancestors() -> list[int]:
    with contextlib.suppress(psutil.Error):
        return [parent.pid for parent in psutil.Process().parents()]
    return []


def _is_at(connection, port: int) -> bool:
    return bool(connection.laddr) and connection.laddr.port == port


def _listens(connection, port: int) -> bool:
    return connection.status == psutil.CONN_LISTEN and _is_at(connection, port)


def _connections(kind: str):
    try:
        return [(connection.pid, connection) for connection in psutil.net_connections(kind)]
    except psutil.AccessDenied:  # on macOS, only root can list all connections at once
        return [
            (process.pid, c) for process in psutil.process_iter() for c in _own_connections(process, kind)
        ]


def _own_connections(process: psutil.Process, kind: str) -> list:
    with contextlib.suppress(psutil.Error):
        return process.net_connections(kind)
    return []


def _describe(pid: int | None) -> str:
    text = ANOTHER if pid is None else _command_line(pid)
    return text if len(text) <= 70 else text[:67] + "…"


def _command_line(pid: int) -> str:
    try:
        process = psutil.Process(pid)
        return " ".join(process.cmdline()) or process.name()
    except psutil.Error:
        return ENDED


def _refusal(port: int) -> int:
    """Try to bind a server to `port`, and return the error number, or 0 on success."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno
    return 0
