"""Run a real Flower process with the command from the project's Procfile, and query Flower's API."""

import contextlib
import os
import secrets
from functools import cache
from pathlib import Path

import httpx
import psutil

from workshop.checkkit import PATIENCE, STARTING, until
from workshop.checkkit.process import Process
from workshop.system.ports import free_port


@cache
def _client() -> httpx.Client:
    """Return a shared client. Creating a client loads certificates, which takes longer than a request."""
    return httpx.Client(trust_env=False, timeout=PATIENCE, limits=httpx.Limits(max_keepalive_connections=0))


class Flower(Process):
    """A Flower process for the project in `folder`, with its own port and password.

    Attributes:
        port: The port that is passed to Flower as FLOWER_PORT.
        password: The password for the user `USER`.
    """

    USER = "check"

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.port = free_port()
        self.password = secrets.token_urlsafe(9)

    def start(self, command: str, password: bool = True) -> None:
        """Start Flower. To wait until it is ready, call `wait_ready()`.

        Args:
            command: The command from the Procfile.
            password: Whether to set FLOWER_BASIC_AUTH.
        """
        if self.running:
            return
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FLOWER_")}
        environment["FLOWER_PORT"] = str(self.port)
        if password:
            environment["FLOWER_BASIC_AUTH"] = f"{self.USER}:{self.password}"
        self.launch(command, environment)

    def wait_ready(self) -> None:
        """Wait until Flower responds, listens on the wrong address, or exits."""
        until(lambda: self.responds() or not self.running or self.listening(), STARTING)
        if self.running:
            until(self.responds, 1)

    def responds(self) -> bool:
        """Return True if Flower responds on its port."""
        with contextlib.suppress(httpx.HTTPError):
            return self.get("/healthcheck", password=False).is_success
        return False

    def listening(self) -> list[tuple[str, int]]:
        """Return the addresses and ports on which Flower listens."""
        addresses = []
        for process in self.family():
            with contextlib.suppress(psutil.Error):
                for connection in process.net_connections("tcp"):
                    if connection.status == psutil.CONN_LISTEN:
                        addresses.append(tuple(connection.laddr))
        return addresses

    def command_lines(self) -> list[str]:
        """Return the command lines of Flower's processes, as any user of the machine sees them in `ps`."""
        lines = []
        for process in self.family():
            with contextlib.suppress(psutil.Error):
                lines.append(" ".join(process.cmdline()))
        return lines

    def get(self, path: str, password: bool = True, **query: str) -> httpx.Response:
        """Send a GET request, and return the response.

        Args:
            path: The path on Flower's server.
            password: Whether to send the password.
            **query: The parameters in the query string.
        """
        auth = (self.USER, self.password) if password else None
        return _client().get(f"http://127.0.0.1:{self.port}{path}", auth=auth, params=query)

    def api(self, path: str, **query: str) -> dict:
        """Return the JSON response of the API, or {} if the API responds with an error.

        Args:
            path: The path after /api/, such as "tasks".
            **query: The parameters in the query string.
        """
        response = self.get(f"/api/{path}", **query)
        return response.json() if response.is_success else {}

    def receives_events(self, app) -> bool:
        """Wait until events reach Flower. Returns False if no event arrives in time.

        If the method returns True, Flower receives all later events.
        """
        task_id = f"test-{secrets.token_hex(8)}"

        def event_arrives():
            with app.events.default_dispatcher() as dispatcher:
                dispatcher.send("task-sent", uuid=task_id, name="test event", args="()", kwargs="{}")
            return task_id in self.api("tasks")

        return bool(until(event_arrives))
