"""Dramatiq with its Redis broker, set up as the documentation describes.

At-least-once delivery: https://dramatiq.io/guide.html
Broker options and results: https://dramatiq.io/reference.html
"""

import os

import dramatiq
import work
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

REDIS_URL = os.environ["REDIS_URL"]
options = {}
if os.environ.get("BENCH_RELIABLE"):
    # By default, a worker counts as dead after 60 s without a heartbeat, and one in a thousand commands looks
    # for the messages of dead workers.
    options = {"heartbeat_timeout": 5_000, "maintenance_chance": 500_000}

broker = RedisBroker(url=REDIS_URL, **options)
broker.add_middleware(Results(backend=RedisBackend(url=REDIS_URL)))
dramatiq.set_broker(broker)

actors = {task.__name__: dramatiq.actor(task, store_results=task is work.answer) for task in work.TASKS}


def send(name, number):
    return actors[name].send(number)


def result(sent):
    return sent.get_result(block=True, timeout=60_000)
