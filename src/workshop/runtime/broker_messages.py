"""Decode the messages on the broker."""

import json
from base64 import b64decode
from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    """A message on the broker.

    Attributes:
        task: The full task name.
        args: The task's positional arguments.
        kwargs: The task's keyword arguments.
        headers: The message's headers, such as eta, expires and retries.
    """

    task: str
    args: list
    kwargs: dict
    headers: dict

    def __str__(self) -> str:
        arguments = [repr(value) for value in self.args]
        arguments += [f"{name}={value!r}" for name, value in self.kwargs.items()]
        return f"{self.task}({', '.join(arguments)})"


def decoded(raw: bytes | str) -> Message:
    """Decode a message that Kombu has stored in Redis.

    Raises:
        ValueError: `raw` is not a message from Kombu. Depending on the content of `raw`, the exception can
            also be a KeyError or a TypeError.
    """
    message = json.loads(raw)
    body = message["body"]
    if message["properties"].get("body_encoding") == "base64":
        body = b64decode(body)
    args, kwargs, _ = json.loads(body)
    return Message(message["headers"]["task"], args, kwargs, message["headers"])
