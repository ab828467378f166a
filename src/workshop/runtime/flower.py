"""Flower's port and password on this machine."""

from workshop.system.ports import claim_next
from workshop.system.secret import secret

PORT = 5555
USER = "workshop"


def environment(port: int | None = None) -> dict[str, str]:
    """Return the environment variables that set Flower's port, username and password.

    Args:
        port: The port that Flower uses (default: 5555 or the next free port).
    """
    port = port or claim_next(PORT)
    return {"FLOWER_PORT": str(port), "FLOWER_BASIC_AUTH": f"{USER}:{password()}"}


def password() -> str:
    """Return Flower's password on this machine."""
    return secret("flower-password")
