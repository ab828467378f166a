"""Print how much work is waiting, for an autoscaler. Usage, in the project's folder: python queues.py"""

import json
import os
import sys
from collections import Counter

import django

sys.path.insert(0, os.getcwd())
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "myproject.settings")
django.setup()

from celery import current_app  # noqa: E402
from django.utils import timezone  # noqa: E402
from upkeep.sweeping import longest_wait  # noqa: E402


def waiting(connection, queue):
    """Count the messages that no worker has taken. With Redis, Kombu adds up the lists of all priorities."""
    try:
        return connection.channel().queue_declare(queue, passive=True).message_count
    except connection.channel_errors:
        if connection.transport.driver_type == "redis":
            return 0  # Redis deletes empty lists
        raise  # RabbitMQ: the queue has not been declared


def taken(connection):
    """Count the unacknowledged messages by queue. None for RabbitMQ, which reports them only over HTTP."""
    if connection.transport.driver_type != "redis":
        return None
    entries = connection.default_channel.client.hvals("unacked")
    return Counter(json.loads(entry)[2] for entry in entries)


with current_app.connection_for_read() as connection:
    held = taken(connection)
    for name in sorted(current_app.amqp.queues):
        print(f"{name}: {waiting(connection, name)} waiting", end="")
        print(f", {held[name]} taken" if held is not None else "")
print(f"oldest photo: {longest_wait(timezone.now()):.0f} s")
