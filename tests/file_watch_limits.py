"""Processes for which the system watches no files, because its limit is reached."""

import shutil
import subprocess

import pytest


def limited(what: str) -> list[str]:
    """Return a prefix for a command: it runs in a user namespace with 0 inotify "watches" or "instances"."""
    isolated = ["unshare", "-r", "sh", "-c", f'echo 0 >/proc/sys/user/max_inotify_{what} && exec "$@"', "-"]
    if not shutil.which("unshare") or subprocess.run([*isolated, "true"], capture_output=True).returncode:
        pytest.skip("inotify's limits cannot be set here. To run these tests: allow user namespaces")
    return isolated
