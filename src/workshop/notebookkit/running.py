"""The broker, the site and Flower that a notebook uses on this machine."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from workshop import paths
from workshop.runtime import up_state
from workshop.runtime.broker import without_password

VARIABLE = "WORKSHOP_RUNNING"
"""The variable with the same content as `.workshop/up.json`, for a notebook that runs with its own site."""
USUAL = "redis://localhost:6379/0"


@dataclass(frozen=True)
class Running:
    """The addresses of the running services.

    folder: the project's folder. data: the folder with its database and photos.
    up: False if there is no running `./workshop up`. Then the addresses are the defaults, for a learner who
    started everything by hand, and folder and data are None.
    """

    up: bool
    broker: str
    site: str
    flower: str | None
    folder: Path | None
    data: Path | None
    command: str | None = None
    """The command that starts a lesson, with {lesson} as a placeholder, if it isn't ./workshop up."""

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
        """The running project's path for messages."""
        return paths.shown(self.folder) if self.folder else "another project"


def _broker(written: str | None) -> str:
    """Return the broker's address. The one that `up` recorded lacks the password in REDIS_URL."""
    own = os.environ.get("REDIS_URL")
    if own and written in (None, without_password(own)):
        return own
    return written or USUAL
