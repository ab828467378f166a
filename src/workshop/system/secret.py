"""This clone's secrets, which are created in `.workshop/` on first use. Only the owner can read the files."""

import secrets
from pathlib import Path

from workshop import paths
from workshop.system import atomic_file


def secret(name: str) -> str:
    """Return the secret called `name`, which consists of twelve characters that are valid in a URL."""
    file = paths.STATE / name
    if value := _read(file):
        return value
    # If two processes need the same new secret at the same time, only one of them creates it.
    with atomic_file.locked(paths.STATE / "secrets.lock"):
        value = _read(file) or secrets.token_urlsafe(9)
        atomic_file.write_text(file, value + "\n", mode=0o600)
    return value


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
