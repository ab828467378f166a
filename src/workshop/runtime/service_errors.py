"""Failures of the resources that a process needs (broker, database, port, disk), and how to fix them."""

import re
import textwrap
from dataclasses import dataclass

from workshop.runtime.diagnosis import Cause

NEW_BROKER = "Press Ctrl-C and run ./workshop up again: it starts a new, empty broker."


@dataclass(frozen=True)
class ServiceError:
    """A failure outside the learner's code.

    Attributes:
        what: The end of the sentence "The worker stopped because …".
        fix: How to fix the failure.
        error: The server's error message.
        is_broker: Whether the broker failed.
        responded: Whether the broker responded with an error.
    """

    what: str
    fix: str
    error: str
    is_broker: bool = False
    responded: bool = False


_NO_RESPONSE = "its broker doesn't respond"
_BROKER = (
    (
        r"ReadOnlyError|READONLY|read only replica|UNBLOCKED .*replica",
        "READONLY",
        "its broker refuses to write",
        "The broker is now a replica. Set REDIS_URL to the primary's address.",
    ),
    (
        r"OutOfMemoryError|\bOOM\b|used memory > 'maxmemory'",
        "OOM",
        "its broker is full",
        "Give the broker more memory, or empty the queues that no worker consumes from.",
    ),
    (
        r"MISCONF",
        "",
        "its broker cannot save its data and refuses to write",
        "Free some space on the broker's disk, or give the broker a folder that it can write to.",
    ),
    (
        r"BusyLoadingError|\bLOADING\b|loading the dataset",
        "LOADING",
        "its broker is still loading its data",
        "Wait until the broker has loaded its data.",
    ),
    (
        r"NOAUTH|Authentication required",
        "NOAUTH",
        "its broker requires a password",
        "Add the password to REDIS_URL: redis://:password@host:6379/0",
    ),
    (
        r"WRONGPASS|invalid username-password pair",
        "WRONGPASS",
        "its broker does not accept the password",
        "Correct the password in REDIS_URL: redis://:password@host:6379/0",
    ),
    (
        r"NOPERM|NoPermissionError",
        "NOPERM",
        "its broker does not allow this user to run a command",
        "Give the user the permissions that Celery needs on the broker.",
    ),
    (
        r"ACCESS_REFUSED|AccessRefused|Couldn't log in",
        "",
        "its broker refuses the login",
        "Correct the username and password in CELERY_BROKER_URL.",
    ),
    (
        r"NOT_ALLOWED|amqp\.exceptions\.NotAllowed",
        "",
        "its broker does not allow this user to access the virtual host",
        "Create the virtual host that CELERY_BROKER_URL names, or allow the user to access it.",
    ),
    (
        r"(?:kombu|redis)\.exceptions\.(?:OperationalError|ConnectionError|TimeoutError)|^amqp\."
        r"|Cannot connect to |Error -?\d+ connecting to|connection to the message broker"
        r"|Celery result store backend"
        r"|'NoneType' object has no attribute 'hostname'",
        "",
        _NO_RESPONSE,
        "Start the broker, or correct its address (REDIS_URL, CELERY_BROKER_URL).",
    ),
)
"""Each entry contains a pattern, the server's error code (which redis-py omits), the meaning, and the fix."""

_OTHERS = (
    (
        r"database is locked",
        "its database is locked by another process",
        "Stop the other process that is writing to the database, such as an open sqlite3 shell.",
    ),
    (
        r"no such (?:table|column): |relation .* does not exist|UndefinedTable|UndefinedColumn",
        "its database lacks a table or a column",
        "Run the migrations: python manage.py migrate",
    ),
    (
        r"unable to open database file",
        "its database file cannot be opened",
        "Create the database's folder (DATA_DIR), and check that you can write to it.",
    ),
    (
        r"(?:django\.db|psycopg)\S*\.OperationalError: .*(?:connect|authentication|does not exist)",
        "its database doesn't respond, or refuses the login",
        "Start the database, correct DATABASE_URL, or type: unset DATABASE_URL",
    ),
    (
        r"[Aa]ddress already in use|port is already in use",
        "its port is taken",
        "./workshop doctor names the process that uses the port. Stop that process.",
    ),
    (r"No space left on device", "the disk is full", "Free some space on the disk."),
)

_FROM_LIBRARY = re.compile(r"(?:redis|kombu|amqp|django\.db|psycopg|sqlite3)\.")
"""Exceptions from libraries that connect to servers. The learner's own exceptions may use the same words."""


def find(cause: Cause) -> ServiceError | None:
    """Return the service error that made a process exit, or None if the process exited for another reason."""
    if cause.place and not _FROM_LIBRARY.match(cause.error):
        return None
    errors = (cause.error,) if cause.place else (cause.error, *reversed(cause.earlier))
    for error in errors:
        # Check the database and the port first: psycopg, Django and Kombu use the same exception names.
        for pattern, what, fix in _OTHERS:
            if re.search(pattern, error):
                return ServiceError(what, fix, _message(error))
        for pattern, code, what, fix in _BROKER:
            if re.search(pattern, error):
                message = _message(error)
                known = not code or code in message or message.startswith("UNBLOCKED")
                message = message if known else f"{code} {message}"
                return ServiceError(what, fix, message, is_broker=True, responded=what != _NO_RESPONSE)
    return None


def _message(error: str) -> str:
    """Return the error message without the exception's class name and without the quoted pipeline command."""
    message = re.sub(r"^[A-Za-z_][\w.]*(?:Error|Exception|Refused|Allowed): ", "", error)
    message = re.sub(r"^\(0, 0\): ", "", message)
    message = re.sub(r"^Command # \d+ \(.*\) of pipeline caused error: ", "", message)
    message = re.sub(r"^consumer: Cannot connect to (.*)://\S*: (.*)", r"\2", message)
    return textwrap.shorten(re.sub(r"[.\s]+$", "", message), 200, placeholder=" …")
