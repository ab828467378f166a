"""Real servers for the tests, each with a folder and free ports of its own, ended with the test."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from workshop.checkkit import until
from workshop.ports import free_port


def as_user(name: str) -> list[str]:
    """What goes before a command that root must not run; nothing for everybody else."""
    return ["runuser", "-u", name, "--"] if os.geteuid() == 0 else []


def postgres_program(name: str) -> str | None:
    """The path of one of PostgreSQL's programs. Debian keeps those of the server out of the PATH."""
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    found = shutil.which(name) or next(iter(kept), None)
    return str(Path(found).resolve()) if found else None


@contextlib.contextmanager
def own_folder(user: str) -> Iterator[Path]:
    """A folder that belongs to `user` when root runs the tests. pytest's own folders are closed to others."""
    with tempfile.TemporaryDirectory(prefix=f"{user}-", ignore_cleanup_errors=True) as name:
        if os.geteuid() == 0:
            shutil.chown(name, user)
        yield Path(name)


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL with an empty database `photos`; its address as DATABASE_URL has it."""
    initdb = postgres_program("initdb")
    if initdb is None:
        pytest.skip("PostgreSQL is not installed:  apt-get install postgresql")
    with own_folder("postgres") as home:
        yield from _postgres(Path(initdb).parent, home)


def _postgres(programs: Path, home: Path) -> Iterator[str]:
    user, port = as_user("postgres"), free_port()

    def run(*command: str) -> None:
        done = subprocess.run([*user, *command], cwd=home, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"

    data = str(home / "data")
    run(str(programs / "initdb"), "-D", data, "-U", "postgres", "--auth", "trust", "--no-sync")
    options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=60"
    # The log is a file: a server that keeps pg_ctl's output open would keep run() waiting.
    pg_ctl = str(programs / "pg_ctl")
    subprocess.run(
        [*user, pg_ctl, "-D", data, "-w", "-l", str(home / "log"), "-o", options, "start"],
        cwd=home,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    try:
        run(str(programs / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "photos")
        yield f"postgres://postgres@127.0.0.1:{port}/photos"
    finally:
        run(pg_ctl, "-D", data, "-m", "immediate", "stop")


@contextlib.contextmanager
def rabbitmq() -> Iterator[str]:
    """A RabbitMQ with its management plugin; its address as CELERY_BROKER_URL has it.

    WORKSHOP_RABBITMQ_API is set to the address of the plugin meanwhile.
    """
    # Debian's rabbitmq-server in /usr/sbin keeps to the folders of the system's own node.
    program = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    if not program.is_file():
        pytest.skip("RabbitMQ is not installed:  apt-get install rabbitmq-server")
    with tempfile.TemporaryDirectory(prefix="rabbitmq-", ignore_cleanup_errors=True) as name:
        yield from _rabbitmq(program, Path(name))


def _rabbitmq(program: Path, home: Path) -> Iterator[str]:
    port, management, distribution, names = (free_port() for _ in range(4))
    (home / "plugins").write_text("[rabbitmq_management].\n")
    (home / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{port}\n"
        f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {management}\n"
    )
    environment = os.environ | {
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
    with (home / "output").open("wb") as output:
        server = subprocess.Popen(
            [program], env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    api = f"http://guest:guest@127.0.0.1:{management}/api"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKSHOP_RABBITMQ_API", api)
        try:
            said = (home / "output").read_text
            assert until(lambda: server.poll() is not None or _answers(f"{api}/overview"), 90), said()
            assert server.poll() is None, said()
            yield f"amqp://guest:guest@127.0.0.1:{port}//"
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
            kill = ["epmd", "-port", str(names), "-kill"]  # the daemon that knows the node's port
            until(lambda: subprocess.run(kill, capture_output=True, check=False).returncode == 0, 10)


def _answers(address: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(address, timeout=5).is_success
    return False


@contextlib.contextmanager
def bucket() -> Iterator[dict[str, str]]:
    """An S3 store with an empty bucket `photos`: the variables for a project that uses it."""
    pytest.importorskip("moto", reason="moto is not installed:  ./workshop test installs it")
    import boto3

    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    endpoint = f"http://127.0.0.1:{port}"
    environment = {
        "AWS_STORAGE_BUCKET_NAME": "photos",
        "AWS_S3_ENDPOINT_URL": endpoint,
        "AWS_S3_REGION_NAME": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    try:
        assert until(lambda: _answers(f"{endpoint}/moto-api/"), 60)
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        boto3.client("s3", endpoint_url=endpoint, **keys).create_bucket(Bucket="photos")
        yield environment
    finally:
        server.kill()
        server.wait()
