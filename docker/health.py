"""Check the container's health: `python docker/health.py ROLE` prints the reason and exits with 0 or 1."""

import os
import socket
import sys
from functools import partial
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

ADDRESSES = {
    "web": "http://127.0.0.1:8000/health/all/",
    "flower": "http://127.0.0.1:5555/healthcheck",
    "exporter": "http://127.0.0.1:9200/metrics",
    "docs": "http://127.0.0.1:8001/",
    "jupyter": "http://127.0.0.1:8888/api",
}


# A container may use a proxy for outgoing requests. These requests stay inside the container.
DIRECTLY = build_opener(ProxyHandler({}))


def answers(address: str) -> str:
    # gunicorn trusts this header from a proxy on this machine, so the site doesn't redirect to https://.
    headers = {"X-Forwarded-Proto": "https", "User-Agent": "health"}
    try:
        with DIRECTLY.open(Request(address, headers=headers), timeout=15) as answer:
            return f"{address}: {answer.status}"
    except HTTPError as error:  # the body contains the reason
        raise OSError(f"{address}: {error.code} {error.read(1000).decode(errors='replace')}") from None


BROKER = os.environ.get("CELERY_BROKER_URL") or os.environ.get("REDIS_URL", "")


def broker() -> str:
    """Connect to the broker, as a producer or a worker does. Returns its address without the password."""
    from kombu import Connection

    with Connection(BROKER, connect_timeout=3, transport_options={"socket_connect_timeout": 3}) as link:
        link.ensure_connection(max_retries=1, interval_start=0, timeout=5)
        link.default_channel.close()
        return link.as_uri()


def worker() -> str:
    """Ping this container's worker through the broker. Its main process replies even under load."""
    from celery import Celery

    app = Celery(broker=BROKER)
    asked = app.control.inspect(pattern=f"*@{socket.gethostname()}", matcher="glob", timeout=3, limit=1)
    found = asked.ping()
    if not found:
        raise OSError("The worker does not answer.")
    return ", ".join(found)


def beat() -> str:
    """Check that a beat process holds the lock of upkeep/beat.py, which expires after 30 seconds."""
    import redis

    holder = redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=5).get("lock:beat")
    if not holder:
        raise OSError("No beat sends.")
    return f"{holder.decode()}, {broker()}"


def flower() -> str:
    """Check Flower and the broker. Without a broker, Flower shows nothing new but still reports OK."""
    return f"{answers(ADDRESSES['flower'])}, {broker()}"


ROLES = {role: partial(answers, address) for role, address in ADDRESSES.items()}
ROLES |= {"worker": worker, "slow": worker, "beat": beat, "flower": flower}


def main(role: str) -> int:
    if Path("/tmp/rests").exists():
        print("idle: this lesson has no such process")
        return 0
    try:
        print(ROLES[role]())
    except Exception as error:
        print(f"{role}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
