"""Secrets of this machine: made at their first use, kept in `.workshop/`, readable by their owner alone."""

import fcntl
import os
import secrets
from pathlib import Path

from . import paths


def secret(name: str) -> str:
    """The secret `name`, twelve characters that an address can hold."""
    file = paths.STATE / name
    if kept := _read(file):
        return kept
    paths.STATE.mkdir(parents=True, exist_ok=True)
    with (paths.STATE / "secrets.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two that ask for the first time, one makes it
        return _read(file) or _make(file)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _make(file: Path) -> str:
    made = secrets.token_urlsafe(9)
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        output.write(made + "\n")
    return made
