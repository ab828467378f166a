"""Inspect the messages that are waiting in a queue, and the messages that a worker has not acknowledged.

`queue_of()` chooses a class based on the broker's address. The class for Redis uses redis-py, and the class
for RabbitMQ uses Kombu.
"""

import contextlib
import json
import os
from collections.abc import Iterator

from workshop.checkkit.celery_app import sending_to
from workshop.checkkit.code_locations import UNKNOWN, called_at
from workshop.runtime import temporary_vhosts
from workshop.runtime.broker_messages import Message, decoded


def photo_id(message: Message) -> object:
    """Return the photo's id that a message contains. An id that was sent as text is returned as a number."""
    found = (message.args or [message.kwargs.get("image_id")])[0]
    return int(found) if str(found).isdecimal() else found


class Queue:
    """The default queue of `app` in database `number` of the run's Redis.

    The same database also contains the results.

    Attributes:
        sent_from: The project file and line where the last message in an `isolated_queue()` block was sent.
    """

    supports_disable_prefetch = True

    def __init__(self, app, number: int):
        import redis

        self.app, self.number = app, number
        self.name = app.conf.task_default_queue
        self.redis_url = os.environ["REDIS_URL"].removesuffix("/0") + f"/{number}"
        self.redis = redis.Redis.from_url(self.redis_url)
        self.sent_from = UNKNOWN

    @property
    def url(self) -> str:
        """The address to which messages are sent."""
        return self.redis_url

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables for a process that consumes this queue."""
        return {"REDIS_URL": self.redis_url}

    def messages(self, name: str | None = None) -> list[Message]:
        """Return the messages waiting in this queue, or in the queue `name` if given, oldest first."""
        return [decoded(raw) for raw in reversed(self.redis.lrange(name or self.name, 0, -1))]

    def everything(self) -> dict[str, list[Message]]:
        """Return the messages waiting in all queues, grouped by queue name."""
        messages = {name: self.messages(name) for name in sorted(self._names())}
        return {name: waiting for name, waiting in messages.items() if waiting}

    def _names(self) -> set[str]:
        return {key.decode() for key in self.redis.scan_iter(_type="list")}

    def state(self, task_id: str) -> str:
        """Return the state of a task whose result is stored in this database."""
        result = self.redis.get(f"celery-task-meta-{task_id}")
        return json.loads(result)["status"] if result else "PENDING"

    def unacked(self) -> list[Message]:
        """Return the messages that a worker has received but not acknowledged."""
        return [decoded(json.dumps(json.loads(raw)[0])) for raw in self.redis.hvals("unacked")]

    def purge(self) -> None:
        """Delete all messages and results."""
        self.redis.flushdb()

    def delete_expiring_keys(self) -> None:
        """Delete all expiring keys, such as results and locks, in all databases of the run's Redis."""
        import redis

        server = self.redis_url.rpartition("/")[0]
        for name in self.redis.info("keyspace"):
            with redis.Redis.from_url(f"{server}/{name.removeprefix('db')}") as database:
                for key in database.scan_iter():
                    if database.pttl(key) >= 0:
                        database.delete(key)

    def close(self) -> None:
        """Close the connections to the broker."""
        self.redis.close()


class RabbitQueue(Queue):
    """A queue in RabbitMQ's virtual host `number`. The results are still in Redis, in database `number`."""

    supports_disable_prefetch = False

    def __init__(self, app, number: int):
        super().__init__(app, number)
        self._connection = self._channel = None

    @property
    def url(self) -> str:
        """The address to which messages are sent."""
        return temporary_vhosts.numbered(os.environ["CELERY_BROKER_URL"], self.number)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables for a process that consumes this queue."""
        return super().environment | {"CELERY_BROKER_URL": self.url}

    def messages(self, name: str | None = None) -> list[Message]:
        """Return the waiting messages.

        This method receives and requeues the messages, which preserves their order.
        """
        channel, messages = self._open_channel(), []
        if not self._exists(name or self.name):
            return []
        while message := channel.basic_get(name or self.name):
            args, kwargs, _ = json.loads(message.body)
            messages.append(Message(message.headers["task"], args, kwargs, message.headers))
        channel.basic_recover(requeue=True)
        return messages

    def _names(self) -> set[str]:
        return {self.name, *self.app.amqp.queues}

    def unacked(self) -> list[Message]:
        """Return the unacknowledged messages.

        RabbitMQ doesn't list unacknowledged messages, so this method asks the workers for scheduled, reserved
        and active tasks, in this order. If a task changes state between two requests, it is
        reported twice, and the later state counts.
        """
        inspect = self.app.control.inspect(timeout=5, limit=1)
        requests = {}
        for entries in (inspect.scheduled() or {}).values():
            requests |= {entry["request"]["id"]: (entry["request"], entry["eta"]) for entry in entries}
        for question in inspect.reserved, inspect.active:
            for entries in (question() or {}).values():
                requests |= {request["id"]: (request, None) for request in entries}
        return [
            Message(request["name"], request["args"], request["kwargs"], {"id": request["id"], "eta": eta})
            for request, eta in requests.values()
            if not request["acknowledged"]
        ]

    def purge(self) -> None:
        """Delete all messages. Also delete the results, except in database 0, which the run's worker uses."""
        for name in filter(self._exists, self._names()):
            self._open_channel().queue_purge(name)
        if self.number:
            super().purge()

    def _exists(self, name: str) -> bool:
        """Return True if the queue exists.

        If the queue doesn't exist, RabbitMQ closes the channel, so this method uses a separate channel.
        """
        from amqp.exceptions import NotFound

        self._open_channel()
        with contextlib.suppress(NotFound), self._connection.channel() as channel:
            channel.queue_declare(name, passive=True)
            return True
        return False

    def _open_channel(self):
        """Return the shared channel.

        On a single channel, requeued messages are back in the queue before the next request.
        """
        from kombu import Connection

        if self._channel is None:
            self._connection = Connection(self.url)
            self._channel = self._connection.channel()
        return self._channel

    def close(self) -> None:
        """Close the connections to the brokers."""
        if self._connection is not None:
            self._connection.release()
            self._connection = self._channel = None
        super().close()


def queue_of(app, number: int = 0) -> Queue:
    """Return the queue in the Redis database or RabbitMQ virtual host `number` of the run's broker.

    The run's worker consumes the queue with number 0.
    """
    amqp = temporary_vhosts.is_amqp(os.environ.get("CELERY_BROKER_URL", ""))
    return RabbitQueue(app, number) if amqp else Queue(app, number)


@contextlib.contextmanager
def isolated_queue(app, number: int = 1, keep: bool = False) -> Iterator[Queue]:
    """During the `with` block, send this process's messages to a queue that the run's worker doesn't consume.

    Args:
        app: The project's Celery app.
        number: The number of the Redis database or of the RabbitMQ virtual host.
        keep: Whether to keep the messages that are already in the queue.

    Yields:
        The queue. Its `sent_from` attribute contains the file and line where the last message was sent.
    """
    from celery.signals import before_task_publish  # lesson 01 doesn't need Celery

    queue = queue_of(app, number)
    if not keep:
        queue.purge()

    def record(**_signal):
        queue.sent_from = called_at()

    before_task_publish.connect(record)
    try:
        with sending_to(app, queue.url):
            yield queue
    finally:
        before_task_publish.disconnect(record)
        queue.close()
