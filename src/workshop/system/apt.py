"""Install Debian packages with apt-get, as root or with passwordless sudo."""

import os
import platform
import shutil
import subprocess
from collections.abc import Collection

SECONDS = 900
"""The maximum duration of an installation, in seconds. A slow mirror can take several minutes."""

_AS_ROOT = """
policy=/usr/sbin/policy-rc.d
[ -e $policy ] || { trap 'rm -f $policy' EXIT; printf '#!/bin/sh\\nexit 101\\n' >$policy; chmod 755 $policy; }
options='-q -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o DPkg::Lock::Timeout=120'
apt-get $options update
DEBIAN_FRONTEND=noninteractive apt-get $options install -y --no-install-recommends "$@"
"""
"""The shell script that installs packages. As long as policy-rc.d exits with 101, no server is started."""


def available(systems: Collection[str] = ("debian", "ubuntu")) -> bool:
    """Return True if `install` can install packages.

    Installing packages requires apt-get, one of the Linux distributions in `systems`, and either root
    privileges or passwordless sudo.
    """
    if _system() not in systems or not shutil.which("apt-get"):
        return False
    return os.geteuid() == 0 or bool(shutil.which("sudo") and _ran(["sudo", "-n", "true"]))


def install(*packages: str) -> bool:
    """Install packages without starting their servers. Return False if the installation fails."""
    if not available():
        return False
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    return _ran([*sudo, "sh", "-c", _AS_ROOT, "apt", *packages], output=None)


def _system() -> str:
    """Return the ID of the distribution, such as "debian" or "ubuntu", or "" if the ID is unknown."""
    try:
        return platform.freedesktop_os_release()["ID"]
    except (OSError, KeyError):
        return ""


def _ran(command: list[str], output: int | None = subprocess.DEVNULL) -> bool:
    try:
        run = subprocess.run(command, stdout=output, stderr=output, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return run.returncode == 0
