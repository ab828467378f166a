"""Temporary servers on this machine, like those in production: PostgreSQL and an S3 store."""

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
    """A server that is not installed. The message ends with the command that installs it."""


def as_user(name: str) -> list[str]:
    """Return a command prefix that makes root run a command as user `name`; empty for other users."""
    return ["runuser", "-u", name, "--"] if os.geteuid() == 0 else []


def program(name: str) -> str | None:
    """Return the path of a program, or None. Also looks in /usr/sbin, which is not on every user's PATH."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def postgres_program(name: str) -> str | None:
    """Return the path of a PostgreSQL program, or None.

    On Debian, the server's programs are not on the PATH.
    """
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    found = shutil.which(name) or next(iter(kept), None)
    return str(Path(found).resolve()) if found else None


def redis_program() -> str | None:
    """Return a file that works as a Redis server with TLS if it is started under the name redis-server.

    Debian's package redis-tools contains the same file as redis-check-rdb and doesn't start a server.
    """
    return program("redis-server") or program("redis-check-rdb")


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Run a PostgreSQL server with an empty database `photos` during the block. Yields the DATABASE_URL.

    All files are removed afterwards. Raises NotInstalled, or WorkshopError with PostgreSQL's message if the
    server does not start.
    """
    initdb = postgres_program("initdb")
    if initdb is None:
        raise NotInstalled("PostgreSQL is not installed. Install it: apt-get install postgresql")
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as name:
        if os.geteuid() == 0:
            _give(name, "postgres")
        yield from _postgres(Path(initdb).parent, Path(name))


def _give(folder: str, user: str) -> None:
    try:
        shutil.chown(folder, user)
    except LookupError:
        raise NotInstalled(
            f"PostgreSQL does not run as root, and there is no user {user}. Create it:  apt-get "
            f"install postgresql"
        ) from None


def _postgres(programs: Path, home: Path) -> Iterator[str]:
    user, port = as_user("postgres"), free_port()

    def run(program: str, *arguments: str) -> None:
        command = [*user, str(programs / program), *arguments]
        # Use a file: the server keeps pg_ctl's output open, so reading from a pipe would never end.
        with (home / "said").open("w+") as said:
            done = subprocess.run(command, cwd=home, env=inherited(), stdout=said, stderr=said, check=False)
            said.seek(0)
            if done.returncode:
                raise WorkshopError(f"PostgreSQL's {program} failed:\n{said.read().strip()}")

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
    """Run an S3 store with an empty bucket during the block. Yields the environment variables for a project.

    The store is moto's server, which keeps everything in memory. Raises NotInstalled, or WorkshopError if the
    server does not start.
    """
    if find_spec("moto") is None:  # the Docker image doesn't contain the test packages
        raise NotInstalled("moto, the S3 store, is not installed. ./workshop in a clone installs it.")
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
