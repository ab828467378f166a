"""myproject/quorum.py: the settings, with queues that RabbitMQ keeps on several machines."""

from kombu import Exchange, Queue

from .settings import *  # noqa: F403

QUORUM = {"x-queue-type": "quorum"}
# A topic exchange: through a direct one Celery cannot leave a countdown to RabbitMQ.
PHOTOS = Exchange("photos", type="topic")
CELERY_TASK_QUEUES = [
    Queue("celery", PHOTOS, routing_key="celery", queue_arguments=QUORUM),
    Queue("slow", PHOTOS, routing_key="slow", queue_arguments=QUORUM),
    Queue("upkeep", PHOTOS, routing_key="upkeep", queue_arguments=QUORUM),
]
CELERY_TASK_DEFAULT_EXCHANGE = "photos"
CELERY_TASK_DEFAULT_EXCHANGE_TYPE = "topic"
CELERY_TASK_DEFAULT_ROUTING_KEY = "celery"
# Who sends waits until RabbitMQ says that it has the message, on most of its machines. Off by default.
# It waits three seconds for each answer. A RabbitMQ that is short of memory gives none.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    **CELERY_BROKER_TRANSPORT_OPTIONS,  # noqa: F405
    "confirm_publish": True,
    "read_timeout": 3,
}
