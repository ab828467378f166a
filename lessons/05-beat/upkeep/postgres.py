"""The database of a PostgreSQL server, copied and put back by PostgreSQL's own programs."""

import os
import subprocess

from django.db import connection


class PostgresError(OSError):
    """pg_dump or pg_restore is missing, or refuses; in words."""


def dump(target):
    """Write the database into the file `target`: one moment of it, while others go on writing."""
    run("pg_dump", *where(), "--format=custom", "--no-owner", f"--file={target}")


def check(file):
    """Raise PostgresError when the dump in `file` is damaged. Reads all of it, and writes it nowhere."""
    run("pg_restore", f"--file={os.devnull}", str(file))


def restore(file):
    """Put the dump in the place of what is in the database: all of it, or nothing is changed."""
    connection.close()
    there = ("--clean", "--if-exists")  # tables that are there go first
    run("pg_restore", *where(), *there, "--no-owner", "--single-transaction", "--exit-on-error", str(file))


def where():
    """The options that name server, user and database. Everybody sees those: the password is not there."""
    [_psql, *options, name] = connection.client.settings_to_cmd_args_env(connection.settings_dict, [])[0]
    return [*options, f"--dbname={name}"]


def run(program, *arguments):
    """Run one of PostgreSQL's programs. Raises PostgresError with what to do."""
    secrets = connection.client.settings_to_cmd_args_env(connection.settings_dict, [])[1] or {}
    try:
        done = subprocess.run(
            [program, *arguments], env=os.environ | secrets, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise PostgresError(f"{program} is not installed:  apt-get install postgresql-client") from None
    says = done.stderr.strip()
    if "server version mismatch" in says:
        raise PostgresError(
            f"{program} is older than the server. Install a postgresql-client of its version.\n{says}"
        )
    if done.returncode:
        raise PostgresError(f"{program} failed: {says}")
