"""Real servers for the tests, each with its own folder and free ports. They stop at the end of the block."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import needs
import pytest

from workshop.dev import test_programs
from workshop.runtime import temporary_servers
from workshop.system import environment
from workshop.system.child import Child
from workshop.system.ports import free_port
from workshop.system.waiting import until

bucket = temporary_servers.bucket


def keep(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Set a variable, and let the workshop pass it on to the project's processes."""
    monkeypatch.setenv(name, value)
    monkeypatch.setenv(environment.KEEP, f"{os.environ.get(environment.KEEP, '')} {name}")


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Run a PostgreSQL, and yield its address. Skips the test if PostgreSQL is not installed."""
    needs.tool("PostgreSQL")
    with temporary_servers.postgres() as address:
        yield address


@contextlib.contextmanager
def rabbitmq(*settings: str) -> Iterator[str]:
    """Run a RabbitMQ with its management plugin, and yield its address for CELERY_BROKER_URL.

    settings: more lines for its rabbitmq.conf.
    Inside the block, WORKSHOP_RABBITMQ_API is the address of the plugin, and WORKSHOP_RABBITMQCTL is the
    command that controls this server.
    """
    needs.tool("RabbitMQ")
    with tempfile.TemporaryDirectory(prefix="rabbitmq-", ignore_cleanup_errors=True) as name:
        yield from _rabbitmq(Path(name), settings)


def _rabbitmq(home: Path, settings: Iterable[str]) -> Iterator[str]:
    port, management, distribution, names = (free_port() for _ in range(4))
    (home / "plugins").write_text("[rabbitmq_management].\n")
    (home / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{port}\n"
        f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {management}\n"
        + "".join(f"{line}\n" for line in settings)
    )
    variables = os.environ | {
        "HOME": str(home),  # the cookie
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(names),
        "RABBITMQ_NODENAME": f"test{port}@localhost",
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
        "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_PID_FILE": str(home / "pid"),
    }
    server = Child([test_programs.RABBITMQ], environment=variables, log=home / "output")
    api = f"http://guest:guest@127.0.0.1:{management}/api"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKSHOP_RABBITMQ_API", api)
        control = test_programs.RABBITMQ.with_name("rabbitmqctl")
        node = f"--node {variables['RABBITMQ_NODENAME']}"
        patch.setenv("WORKSHOP_RABBITMQCTL", f"env HOME={home} ERL_EPMD_PORT={names} {control} {node}")
        try:
            until(lambda: not server.running or temporary_servers.answers(f"{api}/overview"), 300)
            assert temporary_servers.answers(f"{api}/overview"), server.output
            yield f"amqp://guest:guest@127.0.0.1:{port}//"
        finally:
            server.kill()
            kill = ["epmd", "-port", str(names), "-kill"]  # the daemon that knows the node's port
            until(lambda: subprocess.run(kill, capture_output=True, check=False).returncode == 0, 60)
