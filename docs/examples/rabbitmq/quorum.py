"""myproject/quorum.py: the project's settings, but RabbitMQ stores the queues on several machines."""

from kombu import Exchange, Queue

from .settings import *  # noqa: F403

# x-consumer-timeout: a message may stay unacknowledged for three hours (in milliseconds), because it may be
# prefetched while four tasks of 30 minutes each are running one after the other.
QUORUM = {"x-queue-type": "quorum", "x-consumer-timeout": 3 * 3600 * 1000}
# With a direct exchange, messages with a countdown would wait in the worker instead of in RabbitMQ.
PHOTOS = Exchange("photos", type="topic")
CELERY_TASK_QUEUES = [
    Queue("celery", PHOTOS, routing_key="celery", queue_arguments=QUORUM),
    Queue("slow", PHOTOS, routing_key="slow", queue_arguments=QUORUM),
    Queue("upkeep", PHOTOS, routing_key="upkeep", queue_arguments=QUORUM),
]
CELERY_TASK_DEFAULT_EXCHANGE = "photos"
CELERY_TASK_DEFAULT_EXCHANGE_TYPE = "topic"
CELERY_TASK_DEFAULT_ROUTING_KEY = "celery"
# confirm_publish (off by default): wait until most machines of the cluster have stored the message.
# read_timeout: wait at most three seconds for a response. RabbitMQ doesn't respond when it's low on memory.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    **CELERY_BROKER_TRANSPORT_OPTIONS,  # noqa: F405
    "confirm_publish": True,
    "read_timeout": 3,
}
