"""Flower: the port it listens on, and the password of this machine."""

import os
import secrets

from . import paths
from .ports import free_port, is_free

PORT = 5555
USER = "workshop"


def environment(port: int | None = None) -> dict[str, str]:
    """The variables that Flower reads: its port, by default 5555 or a free one; user and password."""
    port = port or (PORT if is_free(PORT) else free_port())
    return {"FLOWER_PORT": str(port), "FLOWER_BASIC_AUTH": f"{USER}:{password()}"}


def password() -> str:
    """The password of this machine, made at its first use and kept in `.workshop/`, readable by its owner."""
    file = paths.STATE / "flower-password"
    try:
        kept = file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        kept = ""
    if not kept:
        kept = secrets.token_urlsafe(9)
        paths.STATE.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
            output.write(kept + "\n")
    return kept
