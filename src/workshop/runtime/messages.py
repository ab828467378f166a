"""Messages on the broker, decoded."""

import json
from base64 import b64decode
from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    """A message on the broker: the task's name, arguments and headers (eta, expires, retries, …)."""

    task: str
    args: list
    kwargs: dict
    headers: dict

    def __str__(self) -> str:
        given = [repr(value) for value in self.args]
        given += [f"{name}={value!r}" for name, value in self.kwargs.items()]
        return f"{self.task}({', '.join(given)})"


def decoded(raw: bytes | str) -> Message:
    """Decode a message as Kombu stores it in Redis.

    Raises ValueError, KeyError or TypeError if `raw` is something else.
    """
    message = json.loads(raw)
    body = message["body"]
    if message["properties"].get("body_encoding") == "base64":
        body = b64decode(body)
    args, kwargs, _ = json.loads(body)
    return Message(message["headers"]["task"], args, kwargs, message["headers"])
