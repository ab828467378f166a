"""What runs on this machine: the broker, the site and Flower that a notebook talks to."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from workshop import paths
from workshop.runtime import up_state
from workshop.runtime.broker import without_password

VARIABLE = "WORKSHOP_RUNNING"
"""Holds the same as `.workshop/up.json`, for a notebook that is run beside a site of its own."""
USUAL = "redis://localhost:6379/0"


@dataclass(frozen=True)
class Running:
    """The addresses of what runs. folder: the project's, data: its database and photos.

    `up` is False where no `./workshop up` wrote down what it runs: then these are the usual addresses, for
    somebody who started everything by hand, and folder and data are None.
    """

    up: bool
    broker: str
    site: str
    flower: str | None
    folder: Path | None
    data: Path | None
    command: str | None = None
    """How to start a lesson, with {lesson} in the place of its name, where that is not ./workshop up."""

    @classmethod
    def now(cls) -> "Running":
        given = os.environ.get(VARIABLE)
        state = json.loads(given) if given else up_state.read()
        addresses = state.get("addresses", {})
        folder, data = state.get("folder"), state.get("data")
        return cls(
            up=bool(state),
            broker=_broker(addresses.get("broker")),
            site=addresses.get("site") or "http://localhost:8000",
            flower=addresses.get("flower"),
            folder=Path(folder) if folder else None,
            data=Path(data) if data else None,
            command=state.get("command"),
        )

    @property
    def shown(self) -> str:
        """The running project as a person reads it."""
        return paths.shown(self.folder) if self.folder else "another project"


def _broker(written: str | None) -> str:
    """The broker's address. What `up` wrote down is without the password that REDIS_URL may have."""
    own = os.environ.get("REDIS_URL")
    if own and written in (None, without_password(own)):
        return own
    return written or USUAL
