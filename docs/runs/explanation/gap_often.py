"""Counts how often a message is lost when a busy worker with late acknowledgment is killed.

REDIS_URL=redis://localhost:6379/9 python gap_often.py 150
"""

import argparse
import json
import random
import time
from base64 import b64decode

from celery import Celery
from workers import URL, Worker, redis, until

app = Celery("gap_often", broker=URL)
app.conf.task_default_queue = "photos"
app.conf.task_ignore_result = True
app.conf.worker_prefetch_multiplier = 1
SENT = 200


@app.task(acks_late=True, reject_on_worker_lost=True)
def late(number):
    time.sleep(0.02)
    redis.sadd("done", number)


def number_of(message):
    """Return the argument in a message, which Kombu stores as JSON."""
    return json.loads(b64decode(message["body"]))[0][0]


def known():
    """Return the numbers of all messages that are queued, unacknowledged, or done."""
    waiting = [json.loads(each) for each in redis.lrange("photos", 0, -1)]
    taken = [json.loads(each)[0] for each in redis.hvals("unacked")]
    return {number_of(each) for each in waiting + taken} | {int(each) for each in redis.smembers("done")}


def lost():
    """Kill a busy worker at a random moment, and count the lost messages."""
    redis.flushdb()
    for number in range(SENT):
        late.delay(number)
    assert known() == set(range(SENT))
    with Worker("gap_often", "-c", "2") as worker:
        assert until(lambda: redis.scard("done") > 4), "it did nothing"
        time.sleep(random.uniform(0, 0.5))
        worker.kill()
    assert redis.llen("photos"), "it was idle"
    return SENT - len(known())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("kills", type=int)
    kills = parser.parse_args().kills
    count = sum(lost() for _ in range(kills))
    print(f"{kills} busy workers killed with -9: {count} messages are lost")
