"""Run temporary PostgreSQL and S3 servers on this machine, similar to the servers used in production."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import httpx

from workshop.errors import WorkshopError
from workshop.system.child import Child
from workshop.system.environment import inherited
from workshop.system.ports import free_port
from workshop.system.waiting import until

START_SECONDS = 60
BUCKET = "photos"


class NotInstalled(WorkshopError):
    """A server is not installed. The message contains the installation command."""


def as_user(name: str) -> list[str]:
    """Return the words to put before a command so that root runs it as the user `name`.

    If the current user isn't root, return an empty list.
    """
    return ["runuser", "-u", name, "--"] if os.geteuid() == 0 else []


def program(name: str) -> str | None:
    """Return the path of a program, or None if it is not installed.

    The search includes /usr/sbin, which is not on every user's PATH.
    """
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def postgres_program(name: str) -> str | None:
    """Return the path of a PostgreSQL program, or None if it is not installed.

    On Debian, the server's programs are not on the PATH.
    """
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    file = shutil.which(name) or (versions[-1] if versions else None)
    return str(Path(file).resolve()) if file else None


def redis_program() -> str | None:
    """Return the path of a program that acts as a Redis server with TLS if it is started as redis-server.

    If no such program is installed, return None.

    Debian's redis-tools package contains this program under the name redis-check-rdb. Unlike the redis-server
    package, redis-tools doesn't start a server when it is installed.
    """
    return program("redis-server") or program("redis-check-rdb")


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Run a PostgreSQL server for the duration of the `with` block, then delete its files.

    The server has an empty database called `photos`.

    Yields:
        The value for DATABASE_URL.

    Raises:
        NotInstalled: PostgreSQL is not installed, or there is no user called postgres.
        WorkshopError: The server does not start. The message contains PostgreSQL's error message.
    """
    initdb = postgres_program("initdb")
    if initdb is None:
        raise NotInstalled("PostgreSQL is not installed. To install it, run: apt-get install postgresql")
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as name:
        if os.geteuid() == 0:
            try:
                shutil.chown(name, "postgres")
            except LookupError:
                raise NotInstalled(
                    "PostgreSQL does not run as root, and there is no `postgres` user. Install the "
                    "package that creates it:  apt-get install postgresql"
                ) from None
        yield from _postgres(Path(initdb).parent, Path(name))


def _postgres(programs: Path, home: Path) -> Iterator[str]:
    user, port = as_user("postgres"), free_port()

    def run(program: str, *arguments: str) -> None:
        command = [*user, str(programs / program), *arguments]
        # Use a file: the server keeps pg_ctl's output open, so reading from a pipe would never end.
        file = home / "output"
        with file.open("w") as output:
            done = subprocess.run(
                command, cwd=home, env=inherited(), stdout=output, stderr=output, check=False
            )
        if done.returncode:
            raise WorkshopError(f"PostgreSQL's {program} failed:\n{file.read_text().strip()}")

    data = str(home / "data")
    run("initdb", "-D", data, "-U", "postgres", "--auth", "trust", "--no-sync")
    options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=60"
    run("pg_ctl", "-D", data, "-w", "-l", str(home / "log"), "-o", options, "start")
    try:
        run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "photos")
        yield f"postgres://postgres@127.0.0.1:{port}/photos"
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")


@contextlib.contextmanager
def bucket() -> Iterator[dict[str, str]]:
    """Run an S3 store with an empty bucket for the duration of the `with` block.

    The store is moto's server, which keeps all objects in memory.

    Yields:
        The environment variables that a project needs to use the bucket.

    Raises:
        NotInstalled: moto is not installed.
        WorkshopError: The server does not start.
    """
    if find_spec("moto") is None:  # the Docker image doesn't contain the test packages
        raise NotInstalled("moto, the S3 store, is not installed. To install it, run ./workshop in a clone.")
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    environment = {
        "AWS_STORAGE_BUCKET_NAME": BUCKET,
        "AWS_S3_ENDPOINT_URL": endpoint,
        "AWS_S3_REGION_NAME": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    with Child([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]) as server:
        address = f"{endpoint}/moto-api/"
        until(lambda: answers(address) or not server.running, START_SECONDS)
        if not (server.running and answers(address)):
            raise WorkshopError(
                f"The S3 store (moto) did not start at {endpoint}.\n{server.last_lines()}".rstrip()
            )
        httpx.put(f"{endpoint}/{BUCKET}", trust_env=False).raise_for_status()
        yield environment


def answers(address: str) -> bool:
    """Return True if a web server at `address` responds without an error."""
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(address, timeout=5, trust_env=False).is_success
    return False
