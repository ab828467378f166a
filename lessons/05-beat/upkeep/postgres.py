"""Dump and restore the database of a PostgreSQL server with its own programs."""

import os
import subprocess
import tempfile

from django.conf import settings
from django.db import connection


class PostgresError(OSError):
    """pg_dump, pg_restore or psql is missing or has failed. The message says why."""


def dump(target):
    """Dump the database into the file `target`: one consistent moment, even while other processes write."""
    run("pg_dump", *connection_options(), "--format=custom", "--no-owner", f"--file={target}")


def check(file):
    """Raise PostgresError when the dump in `file` is damaged. Reads all of it without restoring it."""
    run("pg_restore", f"--file={os.devnull}", str(file))


def restore(file, save, patience):
    """Replace the tables of the database with the dump, in one transaction.

    save: called when the transaction has started and no other process can write any more.
    patience: for how many seconds to wait for a process that is writing.
    Raises PostgresError, whose message says whether anything was changed.
    """
    tables = connection.introspection.table_names()
    connection.close()
    # The script is as large as the database, and the folder for temporary files may be in memory.
    with tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as folder:
        script = os.path.join(folder, "restore.sql")
        drop_first = ("--clean", "--if-exists")
        run("pg_restore", *drop_first, "--no-owner", f"--file={script}", str(file))
        with Psql() as psql:
            psql.run(f"SET lock_timeout = '{patience}s'; BEGIN;")
            lock(psql, tables, "EXCLUSIVE")  # others can still read, and so can pg_dump in save()
            save()
            lock(psql, tables, "ACCESS EXCLUSIVE")
            psql.run(f"\\i '{script}'")
            psql.commit()


def lock(psql, tables, mode):
    """Lock the tables until the end of the transaction."""
    names = ", ".join(map(connection.ops.quote_name, tables))
    if names:
        psql.run(f"LOCK TABLE {names} IN {mode} MODE;")


class Psql:
    """psql, which runs one command after the other. Without commit(), nothing is changed."""

    def __enter__(self):
        self.errors = tempfile.TemporaryFile("w+")
        options = ("--no-psqlrc", "--quiet", f"--output={os.devnull}", "--set=ON_ERROR_STOP=1")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.errors}
        self.process = start("psql", *connection_options(), *options, **pipes)
        return self

    def __exit__(self, *exc_info):
        self.process.communicate()  # closes its input, so it ends. The server rolls back an open transaction
        self.errors.close()

    def run(self, command):
        """Run a command, and wait until it is done."""
        if not self.says_done(command):
            raise PostgresError(f"Nothing was changed: {self.error()}")

    def commit(self):
        """End the transaction."""
        if not self.says_done("COMMIT;"):
            raise PostgresError(
                f"The database may or may not have been restored. Look at the site: {self.error()}"
            )

    def says_done(self, command):
        """Returns False if psql has failed instead."""
        try:
            self.process.stdin.write(f"{command}\n\\echo done\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return False
        return self.process.stdout.readline() == "done\n"

    def error(self):
        """What psql has written about its failure."""
        self.process.wait()
        self.errors.seek(0)
        return self.errors.read().strip()


def connection_options():
    """The options for server, user and database.

    The password is not in them, because every user of the machine can see command lines.
    """
    [_psql, *options, name] = connection.client.settings_to_cmd_args_env(connection.settings_dict, [])[0]
    return [*options, f"--dbname={name}"]


def run(program, *arguments):
    """Run pg_dump or pg_restore. Raises PostgresError if that fails."""
    done = start(program, *arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    says = done.communicate()[1].strip()
    if "server version mismatch" in says:
        raise PostgresError(
            f"{program} is older than the server. Install a postgresql-client of its version.\n{says}"
        )
    if done.returncode:
        raise PostgresError(f"{program} failed: {says}")


def start(program, *arguments, **pipes):
    """Start one of the programs, with the password in its environment. pipes: those of subprocess.Popen()."""
    secrets = connection.client.settings_to_cmd_args_env(connection.settings_dict, [])[1] or {}
    try:
        return subprocess.Popen([program, *arguments], env=os.environ | secrets, text=True, **pipes)
    except FileNotFoundError:
        raise PostgresError(f"{program} is not installed:  apt-get install postgresql-client") from None
