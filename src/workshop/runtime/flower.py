"""Flower: the port it listens on, and the password of this machine."""

from workshop.system.ports import claim_next
from workshop.system.secret import secret

PORT = 5555
USER = "workshop"


def environment(port: int | None = None) -> dict[str, str]:
    """The variables that Flower reads: its port, by default 5555 or the next free one; user and password."""
    port = port or claim_next(PORT)
    return {"FLOWER_PORT": str(port), "FLOWER_BASIC_AUTH": f"{USER}:{password()}"}


def password() -> str:
    """The password of this machine."""
    return secret("flower-password")
