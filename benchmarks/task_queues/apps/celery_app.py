"""Celery with Redis, set up as the documentation describes.

Broker and results: https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html
Late acknowledgment: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.acks_late
One message in advance: https://docs.celeryq.dev/en/stable/userguide/optimizing.html#prefetch-limits
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
    # The default is an hour. The other two options: look for lost messages every second.
    app.conf.broker_transport_options = {
        "visibility_timeout": 5,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
    }


@app.task(ignore_result=True)
def empty(number):
    work.done(number)


@app.task(ignore_result=True)
def photo(number):
    work.resize_photo(number)


@app.task(ignore_result=True)
def nap(number):
    work.nap(number)


@app.task
def answer(number):
    work.begun(number)
    return number


def send(name, number):
    return {"empty": empty, "photo": photo, "nap": nap, "answer": answer}[name].delay(number)


def result(sent):
    return sent.get(timeout=60)
