"""Temporary virtual hosts on the RabbitMQ server at CELERY_BROKER_URL."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from urllib.parse import quote, urlsplit, urlunsplit

from workshop.errors import WorkshopError

NUMBERS = (0, 1, 2, 5)
"""The numbers of the virtual hosts. With Redis, the checks use the databases with these numbers."""


def is_amqp(url: str) -> bool:
    """Return True if `url` is the address of a RabbitMQ server."""
    return urlsplit(url).scheme in ("amqp", "amqps", "pyamqp")


def numbered(url: str, number: int) -> str:
    """Return the address of virtual host `number`. `url` is the address of number 0."""
    return f"{url.removesuffix('_0')}_{number}"


@contextlib.contextmanager
def own(url: str) -> Iterator[str]:
    """Create the virtual hosts, yield the address of number 0, and delete the virtual hosts afterwards.

    Uses RabbitMQ's management plugin, because AMQP has no command for this. Raises WorkshopError if the
    plugin doesn't respond or rejects a request.
    """
    name = f"check_{secrets.token_hex(4)}"
    names = [f"{name}_{number}" for number in NUMBERS]
    user = urlsplit(url).username or "guest"
    with _management(url) as ask:
        try:
            for each in names:
                ask("PUT", f"/vhosts/{each}")
                everything = {"configure": ".*", "write": ".*", "read": ".*"}
                ask("PUT", f"/permissions/{each}/{quote(user, safe='')}", json=everything)
            yield urlunsplit(urlsplit(url)._replace(path=f"/{names[0]}"))
        finally:
            for each in names:
                ask("DELETE", f"/vhosts/{each}")


@contextlib.contextmanager
def _management(url: str):
    """Yield a function `ask(method, path, **more)` that sends a request to the management plugin."""
    import httpx

    parts = urlsplit(url)
    login = f"{parts.username or 'guest'}:{parts.password or 'guest'}"
    api = os.environ.get("WORKSHOP_RABBITMQ_API") or f"http://{login}@{parts.hostname}:15672/api"
    shown = f"{urlsplit(api).hostname}:{urlsplit(api).port}"

    def ask(method: str, path: str, **more: object) -> None:
        try:
            answer = client.request(method, api + path, **more)
        except httpx.HTTPError as error:
            raise WorkshopError(
                "The checks need separate virtual hosts on the RabbitMQ server at CELERY_BROKER_URL, but "
                f"its management plugin doesn't respond at {shown}: {error}\n"
                "Enable it:  rabbitmq-plugins enable rabbitmq_management\n"
                "If the plugin has another address, set it:  export "
                "WORKSHOP_RABBITMQ_API=http://name:password@host:15672/api\n"
                "Or keep using the workshop's broker: remove CELERY_BROKER_URL from WORKSHOP_KEEP."
            ) from error
        if answer.is_error and not (method == "DELETE" and answer.status_code == 404):
            raise WorkshopError(
                f"RabbitMQ's management plugin at {shown} rejected the request (status "
                f"{answer.status_code}). For the checks, the user in CELERY_BROKER_URL must be an "
                "administrator.\n"
                "Make the user one:  rabbitmqctl set_user_tags NAME administrator\n"
                "Or keep using the workshop's broker: remove CELERY_BROKER_URL from WORKSHOP_KEEP."
            )

    with httpx.Client(timeout=30, trust_env=False) as client:
        yield ask
