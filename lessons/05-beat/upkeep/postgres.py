"""Dump and restore the database of a PostgreSQL server with pg_dump and pg_restore."""

import os
import subprocess

from django.db import connection


class PostgresError(OSError):
    """pg_dump or pg_restore is missing or has failed. The message says why."""


def dump(target):
    """Dump the database into the file `target`: one consistent moment, even while other processes write."""
    run("pg_dump", *connection_options(), "--format=custom", "--no-owner", f"--file={target}")


def check(file):
    """Raise PostgresError when the dump in `file` is damaged. Reads all of it without restoring it."""
    run("pg_restore", f"--file={os.devnull}", str(file))


def restore(file):
    """Replace the tables of the database with the dump, in one transaction."""
    connection.close()
    drop_first = ("--clean", "--if-exists")
    one_transaction = ("--single-transaction", "--exit-on-error")
    run("pg_restore", *connection_options(), *drop_first, *one_transaction, "--no-owner", str(file))


def connection_options():
    """The options for server, user and database.

    The password is not in them, because every user of the machine can see command lines.
    """
    [_psql, *options, name] = connection.client.settings_to_cmd_args_env(connection.settings_dict, [])[0]
    return [*options, f"--dbname={name}"]


def run(program, *arguments):
    """Run pg_dump or pg_restore. Raises PostgresError if that fails."""
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
