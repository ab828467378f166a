"""Find the broker, the site and Flower that a notebook uses on this machine."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from workshop.runtime import up_state
from workshop.runtime.broker import without_password

VARIABLE = "WORKSHOP_RUNNING"
"""The environment variable that replaces `.workshop/up.json` for a notebook that runs with its own site."""
DEFAULT_BROKER = "redis://localhost:6379/0"


@dataclass(frozen=True)
class RunningServices:
    """The addresses of the running services.

    If `./workshop up` is not running, the default addresses are used, because the learner may have started
    the services by hand.

    Attributes:
        broker: The broker's address.
        site: The site's address.
        flower: Flower's address, or None if it is not known.
        folder: The project's folder, or None if it is not known.
        data: The folder with the project's database and photos, or None if it is not known.
        command: The command that starts the services for a lesson, with {lesson} as a placeholder for the
            lesson's name. If the value is None, the command is ./workshop up.
    """

    broker: str
    site: str
    flower: str | None
    folder: Path | None
    data: Path | None
    command: str | None

    @classmethod
    def now(cls) -> "RunningServices":
        """Return the services that are running now."""
        given = os.environ.get(VARIABLE)
        state = json.loads(given) if given else up_state.read()
        addresses = state.get("addresses", {})
        folder, data = state.get("folder"), state.get("data")
        return cls(
            broker=_broker(addresses.get("broker")),
            site=addresses.get("site") or "http://localhost:8000",
            flower=addresses.get("flower"),
            folder=Path(folder) if folder else None,
            data=Path(data) if data else None,
            command=state.get("command"),
        )


def _broker(recorded: str | None) -> str:
    """Return the broker's address.

    The recorded address doesn't contain the password. If REDIS_URL contains the same address with the
    password, REDIS_URL is returned.
    """
    own = os.environ.get("REDIS_URL")
    if own and recorded in (None, without_password(own)):
        return own
    return recorded or DEFAULT_BROKER
