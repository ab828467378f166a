"""A real Flower, started from a line of the project's Procfile, and questions to its API."""

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
    """One for all questions: to make one, with its certificates, takes longer than an answer."""
    return httpx.Client(trust_env=False, timeout=PATIENCE, limits=httpx.Limits(max_keepalive_connections=0))


class Flower(Process):
    """One Flower of the project in `folder`, with a port and a password of its own.

    Use the password in `secret`, or start it without any.
    """

    USER = "check"

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.port = free_port()
        self.secret = secrets.token_urlsafe(9)

    def start(self, command: str, password: bool = True) -> None:
        """Begin to start it; `wait` waits for it. password: give it FLOWER_BASIC_AUTH."""
        if self.running:
            return
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FLOWER_")}
        environment["FLOWER_PORT"] = str(self.port)
        if password:
            environment["FLOWER_BASIC_AUTH"] = f"{self.USER}:{self.secret}"
        self.launch(command, environment)

    def wait(self) -> None:
        """Wait until it answers, or listens where it should not, or has ended."""
        until(lambda: self.answers() or not self.running or self.listening(), STARTING)
        if self.running and self.listening() and not self.answers():
            until(self.answers, 1)

    def answers(self) -> bool:
        """True when it answers on its port."""
        with contextlib.suppress(httpx.HTTPError):
            return self.get("/healthcheck", password=False).is_success
        return False

    def listening(self) -> list[tuple[str, int]]:
        """The addresses and ports that it listens on."""
        found = []
        for process in self.family():
            with contextlib.suppress(psutil.Error):
                connections = process.net_connections("tcp")
                found += [tuple(each.laddr) for each in connections if each.status == psutil.CONN_LISTEN]
        return found

    def command_lines(self) -> list[str]:
        """What everybody on the machine sees of it with ps."""
        found = []
        for process in self.family():
            with contextlib.suppress(psutil.Error):
                found.append(" ".join(process.cmdline()))
        return found

    def get(self, path: str, password: bool = True, **query: str) -> httpx.Response:
        """What it answers, with or without the password."""
        auth = (self.USER, self.secret) if password else None
        return _client().get(f"http://127.0.0.1:{self.port}{path}", auth=auth, params=query)

    def api(self, path: str, **query: str) -> dict:
        """What its API answers to a question, such as api("tasks"); {} when it does not know."""
        response = self.get(f"/api/{path}", **query)
        return response.json() if response.is_success else {}

    def hears(self, app) -> bool:
        """Wait until events reach it: from now on it misses none. False when none does."""
        sign = f"sign-{secrets.token_hex(8)}"

        def arrived():
            with app.events.default_dispatcher() as dispatcher:
                dispatcher.send("task-sent", uuid=sign, name="sign of life", args="()", kwargs="{}")
            return sign in self.api("tasks")

        return bool(until(arrived))
