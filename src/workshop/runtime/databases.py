"""A PostgreSQL database of a run's own, on the server that DATABASE_URL names."""

import contextlib
import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

from workshop.errors import WorkshopError

SCHEMES = ("postgres", "postgresql", "pgsql")


def is_postgres(url: str) -> bool:
    """True for the address of a PostgreSQL."""
    return urlsplit(url).scheme in SCHEMES


@contextlib.contextmanager
def own(url: str) -> Iterator[str]:
    """The address of a new, empty database beside the one at `url`. It is gone afterwards.

    Nothing is read from the database at `url`, and nothing written. Raises WorkshopError, in words, when
    the server doesn't respond or does not let this user make a database.
    """
    parts = urlsplit(url)
    name = f"check_{secrets.token_hex(4)}"
    execute(url, f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield urlunsplit(parts._replace(path=f"/{name}"))
    finally:
        execute(url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")  # a worker may still have it open


def execute(url: str, statement: str) -> None:
    """Run one statement, outside of any transaction, in the database at `url`."""
    import psycopg  # a tenth of a second that SQLite does without

    libpq = urlunsplit(urlsplit(url)._replace(scheme="postgresql"))
    try:
        with psycopg.connect(libpq, autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege as error:
        user = urlsplit(url).username or "your user"
        raise WorkshopError(
            "The checks need a separate database on your server, but the server at DATABASE_URL refuses to "
            f"create it: {error}".strip()
            + f"\nLet it:  psql -c 'ALTER ROLE \"{user}\" CREATEDB'   (as its administrator)"
        ) from error
    except psycopg.OperationalError as error:
        raise WorkshopError(
            f"The server at DATABASE_URL doesn't respond: {str(error).strip()}\n"
            "Start the server, or remove DATABASE_URL from WORKSHOP_KEEP: the project then uses SQLite."
        ) from error
