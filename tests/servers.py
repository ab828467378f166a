"""Real servers for the tests, each with a folder and free ports of its own, ended with the test."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

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
