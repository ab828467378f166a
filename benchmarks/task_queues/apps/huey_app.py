"""Huey with Redis. A task that returns None stores no result.

The consumer and its processes: https://huey.readthedocs.io/en/latest/consumer.html
Storage options and results: https://huey.readthedocs.io/en/latest/api.html
With `notify_result`, Huey notifies a process that waits for a result. Without it, the process polls.
"""

import os

import work
from huey import RedisHuey

huey = RedisHuey("field", url=os.environ["REDIS_URL"], notify_result=True)
tasks = {task.__name__: huey.task()(task) for task in work.TASKS}


def send(name, number):
    return tasks[name](number)


def result(sent):
    return sent.get(blocking=True, timeout=60)
