"""Secrets of this machine: made at their first use, kept in `.workshop/`, readable by their owner alone."""

import os
import secrets

from . import paths


def secret(name: str) -> str:
    """The secret `name`, twelve characters that an address can hold."""
    file = paths.STATE / name
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
