"""A look at messages: those that wait on a queue, and those that a worker has and has not acknowledged.

`queue_of` chooses by the address: Redis is read with the redis client, RabbitMQ with Kombu's connection.
"""

import contextlib
import json
import os
from base64 import b64decode
from dataclasses import dataclass

from workshop.runtime import vhosts


@dataclass(frozen=True)
class Message:
    """One message on the broker: the task's name, its arguments and headers (eta, expires, retries, …)."""

    task: str
    args: list
    kwargs: dict
    headers: dict

    def __str__(self) -> str:
        given = [repr(value) for value in self.args]
        given += [f"{name}={value!r}" for name, value in self.kwargs.items()]
        return f"{self.task}({', '.join(given)})"


class Queue:
    """The default queue of `app` in place `number` of the run's Redis: a database. Results lie there, too."""

    knows_disable_prefetch = True

    def __init__(self, app, number: int):
        import redis

        self.app, self.number = app, number
        self.name = app.conf.task_default_queue
        self.redis_url = os.environ["REDIS_URL"].removesuffix("/0") + f"/{number}"
        self.redis = redis.Redis.from_url(self.redis_url)
        self.sent_from: list[str] = []

    @property
    def url(self) -> str:
        """The address that messages are sent to."""
        return self.redis_url

    @property
    def environment(self) -> dict[str, str]:
        """The variables for a process that is to take from here."""
        return {"REDIS_URL": self.redis_url}

    def messages(self, name: str | None = None) -> list[Message]:
        """What waits on the queue, or on the one called `name`; oldest first."""
        return [decoded(raw) for raw in reversed(self.redis.lrange(name or self.name, 0, -1))]

    def everything(self) -> dict[str, list[Message]]:
        """What waits on each queue here, by the queue's name."""
        names = [key.decode() for key in self.redis.scan_iter(_type="list")]
        found = {name: self.messages(name) for name in sorted(names) if self.redis.type(name) == b"list"}
        return {name: messages for name, messages in found.items() if messages}

    def state(self, task_id: str) -> str:
        """The state of a task whose worker keeps its results in this database."""
        found = self.redis.get(f"celery-task-meta-{task_id}")
        return json.loads(found)["status"] if found else "PENDING"

    def unacked(self) -> list[Message]:
        """What a worker has taken and not acknowledged."""
        return [decoded(json.dumps(json.loads(raw)[0])) for raw in self.redis.hvals("unacked")]

    def purge(self) -> None:
        """Take all messages away, and the results that lie here."""
        self.redis.flushdb()

    def let_expire(self) -> None:
        """Delete each key that expires in the run's Redis, in every database: locks, whatever their name is,
        and results."""
        import redis

        server = self.redis_url.rpartition("/")[0]
        for name in self.redis.info("keyspace"):
            with redis.Redis.from_url(f"{server}/{name.removeprefix('db')}") as database:
                for key in database.scan_iter():
                    if database.pttl(key) >= 0:
                        database.delete(key)

    def close(self) -> None:
        self.redis.close()


class RabbitQueue(Queue):
    """The same for a RabbitMQ: the place is a virtual host. Results are in the Redis database beside it."""

    knows_disable_prefetch = False

    def __init__(self, app, number: int):
        super().__init__(app, number)
        self._connection = self._channel = None

    @property
    def url(self) -> str:
        return vhosts.numbered(os.environ["CELERY_BROKER_URL"], self.number)

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"CELERY_BROKER_URL": self.url}

    def messages(self, name: str | None = None) -> list[Message]:
        """All are taken, and given back: RabbitMQ puts them where they were."""
        channel, found = self._open_channel(), []
        if not self._exists(name or self.name):
            return []
        while message := channel.basic_get(name or self.name):
            args, kwargs, _ = json.loads(message.body)
            found.append(Message(message.headers["task"], args, kwargs, message.headers))
        channel.basic_recover(requeue=True)
        return found

    def everything(self) -> dict[str, list[Message]]:
        found = {name: self.messages(name) for name in sorted({self.name, *self.app.amqp.queues})}
        return {name: messages for name, messages in found.items() if messages}

    def unacked(self) -> list[Message]:
        """RabbitMQ shows nobody what a worker has, so the workers are asked.

        In the order in which a task goes on: one that does so meanwhile is seen twice, and the later counts.
        """
        inspect = self.app.control.inspect(timeout=5, limit=1)
        held = {}
        for entries in (inspect.scheduled() or {}).values():
            held |= {entry["request"]["id"]: (entry["request"], entry["eta"]) for entry in entries}
        for question in inspect.reserved, inspect.active:
            for requests in (question() or {}).values():
                held |= {request["id"]: (request, None) for request in requests}
        return [
            Message(each["name"], each["args"], each["kwargs"], {"id": each["id"], "eta": eta})
            for each, eta in held.values()
            if not each["acknowledged"]
        ]

    def purge(self) -> None:
        for name in {self.name, *self.app.amqp.queues}:
            if self._exists(name):
                self._open_channel().queue_purge(name)
        if self.number:
            super().purge()

    def _exists(self, name: str) -> bool:
        """A question about a queue that there is not closes its channel, so it gets one of its own."""
        from amqp.exceptions import NotFound

        self._open_channel()
        with contextlib.suppress(NotFound), self._connection.channel() as channel:
            channel.queue_declare(name, passive=True)
            return True
        return False

    def _open_channel(self):
        """One channel for all: what it gave back is there before it asks again."""
        from kombu import Connection

        if self._channel is None:
            self._connection = Connection(self.url)
            self._channel = self._connection.channel()
        return self._channel

    def close(self) -> None:
        if self._connection is not None:
            self._connection.release()
            self._connection = self._channel = None
        super().close()


def queue_of(app, number: int = 0) -> Queue:
    """The queue in place `number` of the run's broker; the run's own worker takes from 0."""
    amqp = vhosts.is_amqp(os.environ.get("CELERY_BROKER_URL", ""))
    return RabbitQueue(app, number) if amqp else Queue(app, number)


def decoded(raw: bytes | str) -> Message:
    """A message as Kombu writes it into Redis."""
    message = json.loads(raw)
    body = message["body"]
    if message["properties"].get("body_encoding") == "base64":
        body = b64decode(body)
    args, kwargs, _ = json.loads(body)
    return Message(message["headers"]["task"], args, kwargs, message["headers"])
