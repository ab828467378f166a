"""Install what some tests need besides requirements.txt: Debian servers and a large Python package."""

import importlib
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from workshop import paths
from workshop.console import say
from workshop.errors import WorkshopError
from workshop.runtime import temporary_servers
from workshop.system import apt

COMMAND = "./workshop dev tools"
PACKAGES = ("rabbitmq-server", "postgresql", "redis-tools", "nginx", "openssl", "prometheus")
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""Debian's own script. The one in /usr/sbin uses the folders of the system's node."""


def missing() -> list[str]:
    """Return the programs and packages that are not installed, by the names that the tests use."""
    found = {
        "RabbitMQ": RABBITMQ.is_file(),
        "PostgreSQL": temporary_servers.postgres_program("initdb"),
        "Redis": temporary_servers.redis_program(),
        "nginx": temporary_servers.program("nginx"),
        "openssl": temporary_servers.program("openssl"),
        "Prometheus": temporary_servers.program("prometheus"),
        "kubernetes-validate": find_spec("kubernetes_validate"),
    }
    return [name for name, there in found.items() if not there]


def main() -> int:
    """Install what is missing, and print what is installed. Returns 0.

    Raises WorkshopError, with the names, if something could not be installed.
    """
    if missing():
        install()
    if still := missing():
        raise WorkshopError(
            f"Not installed: {', '.join(still)}. On Debian and Ubuntu, this command installs them, as "
            f"root or with a passwordless sudo. By hand: sudo apt-get install {' '.join(PACKAGES)}"
        )
    say(
        "RabbitMQ, PostgreSQL, Redis, nginx, openssl, Prometheus and the schemas of Kubernetes are installed."
    )
    return 0


def install() -> None:
    """Install what is missing, as far as possible. Afterwards, `missing()` returns the rest."""
    say(f"Installing for the tests: {', '.join(missing())}.")
    if set(missing()) - {"kubernetes-validate"}:
        apt.install(*PACKAGES)
    if "kubernetes-validate" in missing():
        listed = [
            "--no-deps",
            "--require-hashes",
            "-r",
            str(paths.ROOT / "tests/kubernetes-requirements.txt"),
        ]
        command = ["uv", "pip", "install", "--quiet", "--python", sys.executable, *listed]
        subprocess.run([sys.executable, "-m", *command], check=False)
        importlib.invalidate_caches()
