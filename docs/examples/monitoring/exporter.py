"""Export the photo site's metrics to Prometheus. In the folder with manage.py:

    python exporter.py [PORT] [ADDRESS]

This script needs the package prometheus-client, which is installed together with Flower.
"""

import os
import sys
import threading
from datetime import timedelta

import django

sys.path.insert(0, os.getcwd())
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "myproject.settings")
django.setup()

from celery import current_app  # noqa: E402
from django.db import close_old_connections  # noqa: E402
from django.utils import timezone  # noqa: E402
from images.management.commands.workers import queue_lengths, responding_workers  # noqa: E402
from images.models import UploadedImage  # noqa: E402
from kombu.exceptions import OperationalError  # noqa: E402
from prometheus_client import CollectorRegistry, start_http_server  # noqa: E402
from prometheus_client.core import GaugeMetricFamily  # noqa: E402
from redis.exceptions import RedisError  # noqa: E402
from upkeep.sweeping import longest_wait  # noqa: E402

PORT = 9200


class Photos:
    """Metrics from the database. collect() runs each time Prometheus scrapes them."""

    def collect(self):
        close_old_connections()
        now = timezone.now()
        waiting = UploadedImage.objects.pending()
        recent = UploadedImage.objects.filter(uploaded_at__gt=now - timedelta(hours=1))
        yield gauge("photos_waiting", "Photos that have not been resized yet.", waiting.count())
        yield gauge(
            "photos_oldest_waiting_seconds",
            "How long the oldest photo has been waiting.",
            longest_wait(now),
        )
        yield gauge("photos_uploaded_last_hour", "Photos uploaded in the last hour.", recent.count())
        yield gauge(
            "photos_failed_last_hour",
            "Photos uploaded in the last hour that could not be resized.",
            recent.exclude(failure_reason="").count(),
        )


class Broker:
    """Metrics from the broker and the workers. If the broker is down, broker_up is 0, and nothing fails."""

    def collect(self):
        try:
            workers = responding_workers()
            queues = queue_lengths()
            memory = redis_memory()
        except (OperationalError, RedisError, OSError):
            yield gauge("broker_up", "1 if the broker responds.", 0)
            return
        yield gauge("broker_up", "1 if the broker responds.", 1)
        if memory:
            yield gauge("broker_memory_bytes", "Memory that the broker uses.", memory["used_memory"])
            yield gauge(
                "broker_memory_limit_bytes", "The setting maxmemory, or 0 for no limit.", memory["maxmemory"]
            )
        yield gauge("celery_workers", "Workers that reply to a ping.", len(workers))
        waiting = GaugeMetricFamily(
            "celery_queue_messages", "Messages that no worker has reserved.", labels=["queue"]
        )
        for queue, count in queues.items():
            waiting.add_metric([queue], count)
        yield waiting


def redis_memory():
    """What Redis says about its memory; None if the broker is another one."""
    with current_app.connection_for_read() as connection:
        if connection.transport.driver_type != "redis":
            return None
        return connection.default_channel.client.info("memory")


def gauge(name, description, value):
    return GaugeMetricFamily(name, description, value=value)


if __name__ == "__main__":
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Photos())
    registry.register(Broker())
    port = int(sys.argv[1]) if len(sys.argv) > 1 else PORT
    address = sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1"
    start_http_server(port, addr=address, registry=registry)
    print(f"Metrics on http://{address}:{port}/metrics", flush=True)
    threading.Event().wait()
