"""How a practice service behaves: its mode is "ok", "down", or "slow" and a number of seconds.

The mode is a file in the data folder, so that all processes on this machine obey it.
"""

import os
import time
from pathlib import Path
from uuid import uuid4

from django.conf import settings


def mode_file(service: str) -> Path:
    """The file that holds the mode of the service. If there is no such file, the service works."""
    return settings.DATA_DIR / f"{service}-mode"


def set_mode(service: str, mode: str) -> None:
    """Switch the service, for example set_mode("storage", "slow 20")."""
    file = mode_file(service)
    new = file.with_name(f"{file.name}.{uuid4().hex}")
    new.write_text(mode)
    os.replace(new, file)  # a process that reads the mode right now gets the old one or the new one


def obey_mode(service: str, error: Exception) -> None:
    """Raise `error` if the service is down, wait if it is slow, and do nothing if it is ok."""
    try:
        mode, *seconds = mode_file(service).read_text().split()
    except FileNotFoundError:
        return
    if mode == "down":
        raise error
    if mode == "slow":
        time.sleep(float(seconds[0]))
