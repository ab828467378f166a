"""Celery with Redis, set up as the documentation describes.

Broker and results: https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html
Late acknowledgment: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.acks_late
Prefetching only one message: https://docs.celeryq.dev/en/stable/userguide/optimizing.html#prefetch-limits
"""

import os

import work
from celery import Celery

REDIS_URL = os.environ["REDIS_URL"]
app = Celery("celery_app", broker=REDIS_URL, backend=REDIS_URL)

if os.environ.get("BENCH_RELIABLE"):
    app.conf.task_acks_late = True
    app.conf.task_reject_on_worker_lost = True
    app.conf.worker_prefetch_multiplier = 1
    # The default visibility timeout is an hour. The other two options let the worker look for lost messages
    # every second.
    app.conf.broker_transport_options = {
        "visibility_timeout": 5,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
    }

tasks = {task.__name__: app.task(task, ignore_result=task is not work.answer) for task in work.TASKS}


def send(name, number):
    return tasks[name].delay(number)


def result(sent):
    return sent.get(timeout=60)
