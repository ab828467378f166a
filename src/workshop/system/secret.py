"""Secrets of this clone, created at first use in `.workshop/`. Only the owner can read them."""

import secrets
from pathlib import Path

from workshop import paths
from workshop.system import atomic_file


def secret(name: str) -> str:
    """Return the secret `name`: twelve characters that are valid in a URL."""
    file = paths.STATE / name
    if kept := _read(file):
        return kept
    # If two processes need the secret for the first time, only one of them creates it.
    with atomic_file.locked(paths.STATE / "secrets.lock"):
        return _read(file) or _make(file)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _make(file: Path) -> str:
    made = secrets.token_urlsafe(9)
    atomic_file.write_text(file, made + "\n", mode=0o600)
    return made
