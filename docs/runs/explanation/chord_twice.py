"""A header task of a chord is delivered twice, and each run returns a different result.

REDIS_URL=redis://localhost:6379/9 python chord_twice.py
"""

import json
import time
from uuid import uuid4

from celery import Celery, chord
from workers import URL, Worker, redis, until

app = Celery("chord_twice", broker=URL, backend=URL)


@app.task(acks_late=True)
def member(number):
    if number == 3:
        time.sleep(1)
    run = redis.incr(f"runs of {number}")
    return f"task {number}, run {run}"


@app.task
def body(results):
    redis.rpush("body", ", ".join(results))


if __name__ == "__main__":
    redis.flushdb()
    chord([member.s(1), member.s(2), member.s(3)])(body.s())
    message = json.loads(redis.lindex("celery", -1))
    message["properties"]["delivery_tag"] = str(uuid4())
    redis.rpush("celery", json.dumps(message))
    with Worker("chord_twice", "-c", "2"):
        until(lambda: redis.llen("body"))
        until(lambda: redis.llen("body") > 1, 3)
    print("runs of header task 1: ", redis.get("runs of 1"))
    print("runs of the callback:  ", redis.llen("body"))
    print("the callback received: ", redis.lindex("body", 0))
