"""A temporary PostgreSQL database on the server at DATABASE_URL."""

import contextlib
import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

from workshop.errors import WorkshopError


def is_postgres(url: str) -> bool:
    """Return True if `url` is the address of a PostgreSQL database."""
    return urlsplit(url).scheme in ("postgres", "postgresql", "pgsql")


@contextlib.contextmanager
def create(url: str) -> Iterator[str]:
    """Create an empty database on the server at `url`, yield its address, and drop the database afterward.

    The database that `url` names is neither read nor changed. This function raises the same exceptions as
    `execute`.
    """
    parts = urlsplit(url)
    name = f"check_{secrets.token_hex(4)}"
    execute(url, f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield urlunsplit(parts._replace(path=f"/{name}"))
    finally:
        execute(url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")  # a worker may still be connected


def execute(url: str, statement: str) -> None:
    """Run a single statement in the database at `url`, outside a transaction.

    Raises:
        WorkshopError: The server doesn't respond, or the user is not allowed to create a database.
    """
    import psycopg  # imported here because the import takes 0.1 s, and SQLite doesn't need it

    libpq = urlunsplit(urlsplit(url)._replace(scheme="postgresql"))
    try:
        with psycopg.connect(libpq, autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege as error:
        user = urlsplit(url).username or "your user"
        raise WorkshopError(
            "The checks need a separate database on your server, but the server at DATABASE_URL refuses to "
            f"create it: {error}".strip()
            + f"\nTo allow it:  psql -c 'ALTER ROLE \"{user}\" CREATEDB'   (as the server's administrator)"
        ) from error
    except psycopg.OperationalError as error:
        raise WorkshopError(
            f"The server at DATABASE_URL doesn't respond: {str(error).strip()}\n"
            "Start the server, or remove DATABASE_URL from WORKSHOP_KEEP to use SQLite."
        ) from error
