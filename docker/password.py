"""Exit with a helpful message if the database rejects the password in DATABASE_URL."""

import os

import psycopg


def main() -> None:
    try:
        psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=30).close()
    except psycopg.OperationalError as error:
        if "password authentication failed" not in str(error):
            raise SystemExit(f"The database cannot be used: {error}") from None
        raise SystemExit(
            "PostgreSQL does not take the POSTGRES_PASSWORD of .env: its volume was made with another one.\n"
            "Bring the old .env back. Or delete the photos and the database, and start again:\n"
            "./workshop compose down --volumes"
        ) from None


if __name__ == "__main__":
    main()
