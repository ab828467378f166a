"""Install the Debian packages and the large Python package that some tests need."""

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
"""The script that starts the RabbitMQ server.

Debian also installs a script in /usr/sbin, but that script uses the folders of the system's RabbitMQ node.
"""


def missing() -> list[str]:
    """Return the names of the programs and packages that are not installed. The tests use these names."""
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
    """Install the missing programs and packages, and print which ones are installed.

    Returns:
        The exit code.

    Raises:
        WorkshopError: A program or package could not be installed. The message says what is missing.
    """
    if needed := missing():
        say(f"Installing what the tests need: {', '.join(needed)}.")
        if set(needed) - {SCHEMAS}:
            apt.install(*PACKAGES)
        if SCHEMAS in needed:
            _install_schemas()
    if left := missing():
        raise WorkshopError(
            f"Not installed: {', '.join(left)}. On Debian and Ubuntu, {COMMAND} installs this software if "
            "you run it as root or with passwordless sudo. To install the packages yourself: sudo apt-get "
            f"install {' '.join(PACKAGES)}"
        )
    say("RabbitMQ, PostgreSQL, Redis, nginx, openssl, Prometheus and the Kubernetes schemas are installed.")
    return 0


def _install_schemas() -> None:
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable]
    options = ["--no-deps", "--require-hashes", "-r", str(paths.ROOT / "tests/kubernetes-requirements.txt")]
    subprocess.run([*command, *options], check=False)
    importlib.invalidate_caches()
