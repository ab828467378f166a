"""Exit with a sentence if a script needs a broker or a worker, but none responds.

A script calls one of these functions before it changes anything.
"""

from celery import current_app
from kombu.exceptions import OperationalError


def require_broker():
    with current_app.connection_for_write() as connection:
        try:
            connection.ensure_connection(max_retries=1, interval_start=0)
        except OperationalError:
            address = connection.as_uri().replace("://:**@", "://")  # Kombu always writes a password
            raise SystemExit(
                f"No broker responds at {address}. Is ./workshop up running? If it prints a line "
                "with `export REDIS_URL=…`, copy that line into this terminal."
            ) from None


def require_worker():
    require_broker()
    if not current_app.control.ping(timeout=1):
        raise SystemExit("No worker answers. Start one in another terminal: ./workshop up")
