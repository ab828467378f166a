"""Flower's port, and its password on this machine."""

from workshop.system.ports import free_port, is_free
from workshop.system.secret import secret

PORT = 5555
USER = "workshop"


def environment(port: int | None = None) -> dict[str, str]:
    """Return Flower's environment variables: the port (default: 5555 or a free one), user and password."""
    port = port or (PORT if is_free(PORT) else free_port())
    return {"FLOWER_PORT": str(port), "FLOWER_BASIC_AUTH": f"{USER}:{password()}"}


def password() -> str:
    """Return Flower's password on this machine."""
    return secret("flower-password")
