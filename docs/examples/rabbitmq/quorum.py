"""myproject/quorum.py: the settings, with queues that RabbitMQ keeps on several machines."""

from kombu import Queue

from .settings import *  # noqa: F403

QUORUM = {"x-queue-type": "quorum"}
CELERY_TASK_QUEUES = [
    Queue("celery", routing_key="celery", queue_arguments=QUORUM),
    Queue("slow", routing_key="slow", queue_arguments=QUORUM),
]
CELERY_TASK_DEFAULT_QUEUE_TYPE = "quorum"
