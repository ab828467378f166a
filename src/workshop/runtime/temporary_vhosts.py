"""Temporary virtual hosts on the RabbitMQ server at CELERY_BROKER_URL."""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from urllib.parse import quote, urlsplit, urlunsplit

from workshop.errors import WorkshopError

NUMBERS = (0, 1, 2, 5)
"""The numbers of the virtual hosts. With Redis, the checks use the databases with the same numbers."""


def is_amqp(url: str) -> bool:
    """Return True if `url` is the address of a RabbitMQ server."""
    return urlsplit(url).scheme in ("amqp", "amqps", "pyamqp")


def numbered(url: str, number: int) -> str:
    """Return the address of a virtual host.

    Args:
        url: The address of virtual host 0.
        number: One of NUMBERS.
    """
    return f"{url.removesuffix('_0')}_{number}"


@contextlib.contextmanager
def create(url: str) -> Iterator[str]:
    """Create the virtual hosts, yield the address of virtual host 0, and delete them all afterward.

    The requests go to RabbitMQ's management plugin, because AMQP can't create virtual hosts.

    Raises:
        WorkshopError: The management plugin doesn't respond, or it rejects a request.
    """
    prefix = f"check_{secrets.token_hex(4)}"
    names = [f"{prefix}_{number}" for number in NUMBERS]
    user = urlsplit(url).username or "guest"
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    with _management(url) as send:
        try:
            for name in names:
                send("PUT", f"/vhosts/{name}")
                send("PUT", f"/permissions/{name}/{quote(user, safe='')}", json=everything)
            yield urlunsplit(urlsplit(url)._replace(path=f"/{names[0]}"))
        finally:
            for name in names:
                send("DELETE", f"/vhosts/{name}")


@contextlib.contextmanager
def _management(url: str) -> Iterator[Callable]:
    """Yield a function `send(method, path, **options)` that sends a request to the management plugin."""
    import httpx

    parts = urlsplit(url)
    login = f"{parts.username or 'guest'}:{parts.password or 'guest'}"
    api = os.environ.get("WORKSHOP_RABBITMQ_API") or f"http://{login}@{parts.hostname}:15672/api"
    shown = f"{urlsplit(api).hostname}:{urlsplit(api).port}"

    def send(method: str, path: str, **options: object) -> None:
        try:
            answer = client.request(method, api + path, **options)
        except httpx.HTTPError as error:
            raise WorkshopError(
                "The checks need separate virtual hosts on the RabbitMQ server at CELERY_BROKER_URL, but "
                f"the server's management plugin doesn't respond at {shown}: {error}\n"
                "Enable it:  rabbitmq-plugins enable rabbitmq_management\n"
                "If the plugin has another address, set that address:  export "
                "WORKSHOP_RABBITMQ_API=http://name:password@host:15672/api\n"
                "Or keep using the workshop's broker: remove CELERY_BROKER_URL from WORKSHOP_KEEP."
            ) from error
        if answer.is_error and not (method == "DELETE" and answer.status_code == 404):
            raise WorkshopError(
                f"RabbitMQ's management plugin at {shown} rejected the request (status "
                f"{answer.status_code}). For the checks, the user in CELERY_BROKER_URL must be an "
                "administrator.\n"
                "Make the user an administrator:  rabbitmqctl set_user_tags NAME administrator\n"
                "Or keep using the workshop's broker: remove CELERY_BROKER_URL from WORKSHOP_KEEP."
            )

    with httpx.Client(timeout=30, trust_env=False) as client:
        yield send
