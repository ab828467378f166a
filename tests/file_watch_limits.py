"""Processes whose files the system does not watch, its limit being reached."""

import shutil
import subprocess

import pytest


def limited(what: str) -> list[str]:
    """What to put before a command: in a user namespace of its own, it has no "watches" or no "instances"."""
    isolated = ["unshare", "-r", "sh", "-c", f'echo 0 >/proc/sys/user/max_inotify_{what} && exec "$@"', "-"]
    if not shutil.which("unshare") or subprocess.run([*isolated, "true"], capture_output=True).returncode:
        pytest.skip("inotify's limits cannot be set here. To run these tests: allow user namespaces")
    return isolated
