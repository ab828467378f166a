"""Run a real Flower from a line of the project's Procfile, and query its API."""

import contextlib
import os
import secrets
from functools import cache
from pathlib import Path

import httpx
import psutil

from workshop.system.ports import free_port

from . import PATIENCE, STARTING, until
from .worker import Process


@cache
def _client() -> httpx.Client:
    """Return a shared client, because creating one (with its certificates) takes longer than a request."""
    return httpx.Client(trust_env=False, timeout=PATIENCE, limits=httpx.Limits(max_keepalive_connections=0))


class Flower(Process):
    """A Flower process for the project in `folder`, with its own port and password.

    The password is in `secret`. Flower can also be started without a password.
    """

    USER = "check"

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.port = free_port()
        self.secret = secrets.token_urlsafe(9)

    def start(self, command: str, password: bool = True) -> None:
        """Start Flower without waiting until it is ready: see `wait()`.

        password: whether to set FLOWER_BASIC_AUTH.
        """
        if self.running:
            return
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FLOWER_")}
        environment["FLOWER_PORT"] = str(self.port)
        if password:
            environment["FLOWER_BASIC_AUTH"] = f"{self.USER}:{self.secret}"
        self.launch(command, environment)

    def wait(self) -> None:
        """Wait until Flower responds, listens on a wrong address, or has exited."""
        until(lambda: self.answers() or not self.running or self.listening(), STARTING)
        if self.running and self.listening() and not self.answers():
            until(self.answers, 1)

    def answers(self) -> bool:
        """Return True if Flower responds on its port."""
        with contextlib.suppress(httpx.HTTPError):
            return self.get("/healthcheck", password=False).is_success
        return False

    def listening(self) -> list[tuple[str, int]]:
        """Return the addresses and ports on which Flower listens."""
        found = []
        for process in self.family():
            with contextlib.suppress(psutil.Error):
                connections = process.net_connections("tcp")
                found += [tuple(each.laddr) for each in connections if each.status == psutil.CONN_LISTEN]
        return found

    def command_lines(self) -> list[str]:
        """Return the command lines that all users of the machine can see with ps."""
        found = []
        for process in self.family():
            with contextlib.suppress(psutil.Error):
                found.append(" ".join(process.cmdline()))
        return found

    def get(self, path: str, password: bool = True, **query: str) -> httpx.Response:
        """Send a GET request, with or without the password, and return the response."""
        auth = (self.USER, self.secret) if password else None
        return _client().get(f"http://127.0.0.1:{self.port}{path}", auth=auth, params=query)

    def api(self, path: str, **query: str) -> dict:
        """Return the API's response to a request such as api("tasks"), or {} after an error."""
        response = self.get(f"/api/{path}", **query)
        return response.json() if response.is_success else {}

    def hears(self, app) -> bool:
        """Wait until events reach Flower.

        Returns False if none arrives. After True, Flower misses no event.
        """
        sign = f"sign-{secrets.token_hex(8)}"

        def arrived():
            with app.events.default_dispatcher() as dispatcher:
                dispatcher.send("task-sent", uuid=sign, name="sign of life", args="()", kwargs="{}")
            return sign in self.api("tasks")

        return bool(until(arrived))
