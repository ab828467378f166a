"""How much work waits, for whoever starts and stops workers: python queues.py, in the project's folder."""

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
from images.models import UploadedImage  # noqa: E402


def waiting(connection, queue):
    """Messages that no worker has taken. On Redis Kombu adds up the lists of all priorities."""
    try:
        return connection.channel().queue_declare(queue, passive=True).message_count
    except connection.channel_errors:
        if connection.transport.driver_type == "redis":
            return 0  # Redis has no empty list: no message, no key
        raise  # RabbitMQ knows no such queue


def taken(connection):
    """Messages that a worker has taken and not acknowledged, by queue. RabbitMQ tells it by HTTP alone."""
    if connection.transport.driver_type != "redis":
        return None
    entries = connection.default_channel.client.hvals("unacked")
    return Counter(json.loads(entry)[2] for entry in entries)


def oldest_seconds():
    """For how long the photo waits that waits longest. A row knows that; a queue does not."""
    rows = UploadedImage.objects.pending().filter(queued_at__isnull=False)
    first = rows.order_by("queued_at").values_list("queued_at", flat=True).first()
    return int((timezone.now() - first).total_seconds()) if first else 0


with current_app.connection_for_read() as connection:
    held = taken(connection)
    for name in sorted(current_app.amqp.queues):
        print(f"{name}: {waiting(connection, name)} waiting", end="")
        print(f", {held[name]} taken" if held is not None else "")
print(f"oldest photo: {oldest_seconds()} s")
