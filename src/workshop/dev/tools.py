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
SCHEMAS = "kubernetes-validate"
"""A Python package that is too large for requirements.txt."""
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""Debian's own script. The one in /usr/sbin uses the folders of the system's node."""


def missing() -> list[str]:
    """Return the programs and packages that are not installed, by the names that the tests use."""
    installed = {
        "RabbitMQ": RABBITMQ.is_file(),
        "PostgreSQL": temporary_servers.postgres_program("initdb"),
        "Redis": temporary_servers.redis_program(),
        "nginx": temporary_servers.program("nginx"),
        "openssl": temporary_servers.program("openssl"),
        "Prometheus": temporary_servers.program("prometheus"),
        SCHEMAS: find_spec("kubernetes_validate"),
    }
    return [name for name, place in installed.items() if not place]


def main() -> int:
    """Install what is missing, and print what is installed.

    Returns:
        The exit code.

    Raises:
        WorkshopError: Something could not be installed. The message contains the names.
    """
    if needed := missing():
        say(f"Installing for the tests: {', '.join(needed)}.")
        if set(needed) - {SCHEMAS}:
            apt.install(*PACKAGES)
        if SCHEMAS in needed:
            _install_schemas()
    if left := missing():
        raise WorkshopError(
            f"Not installed: {', '.join(left)}. On Debian and Ubuntu, this command installs them, as "
            f"root or with a passwordless sudo. By hand: sudo apt-get install {' '.join(PACKAGES)}"
        )
    say(
        "RabbitMQ, PostgreSQL, Redis, nginx, openssl, Prometheus and the schemas of Kubernetes are installed."
    )
    return 0


def _install_schemas() -> None:
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable]
    options = ["--no-deps", "--require-hashes", "-r", str(paths.ROOT / "tests/kubernetes-requirements.txt")]
    subprocess.run([*command, *options], check=False)
    importlib.invalidate_caches()
