"""Virtual hosts of a run's own, on the RabbitMQ that CELERY_BROKER_URL names."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from urllib.parse import quote, urlsplit, urlunsplit

from workshop.errors import WorkshopError

NUMBERS = (0, 1, 2, 5)
"""The checks use as many places for messages as with Redis, where these are the numbers of databases."""


def is_amqp(url: str) -> bool:
    """True for the address of a RabbitMQ."""
    return urlsplit(url).scheme in ("amqp", "amqps", "pyamqp")


def numbered(url: str, number: int) -> str:
    """The address beside the one at `url` (of place 0) whose number is `number`."""
    return f"{url.removesuffix('_0')}_{number}"


@contextlib.contextmanager
def own(url: str) -> Iterator[str]:
    """The address of a new virtual host, number 0; the others are made with it. All are gone afterwards.

    AMQP itself knows no command for that, so RabbitMQ's management plugin is asked. Raises WorkshopError,
    in words, when it doesn't respond or refuses.
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
    """ask(method, path, **more) asks the management plugin."""
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
                "The checks want virtual hosts of their own on the RabbitMQ of CELERY_BROKER_URL, and its "
                f"management plugin doesn't respond at {shown}: {error}\n"
                "Enable it:  rabbitmq-plugins enable rabbitmq_management\n"
                "Is it elsewhere? Say where:  export "
                "WORKSHOP_RABBITMQ_API=http://name:password@host:15672/api\n"
                "Or keep using the workshop's broker: remove CELERY_BROKER_URL from WORKSHOP_KEEP."
            ) from error
        if answer.is_error and not (method == "DELETE" and answer.status_code == 404):
            raise WorkshopError(
                f"RabbitMQ's management plugin at {shown} refuses ({answer.status_code}). The user of "
                "CELERY_BROKER_URL has to be an administrator for the checks.\n"
                "Let it:  rabbitmqctl set_user_tags NAME administrator\n"
                "Or keep using the workshop's broker: remove CELERY_BROKER_URL from WORKSHOP_KEEP."
            )

    with httpx.Client(timeout=30, trust_env=False) as client:
        yield ask
