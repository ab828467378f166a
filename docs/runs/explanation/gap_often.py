"""How often a busy worker that is killed takes a message with it, although it acknowledges late.

REDIS_URL=redis://localhost:6379/9 python gap_often.py 150
"""

import json
import random
import sys
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
    """The argument of a message, as Kombu keeps it."""
    return json.loads(b64decode(message["body"]))[0][0]


def known():
    """The numbers of all messages that are in the queue, not acknowledged, or done."""
    waiting = [json.loads(each) for each in redis.lrange("photos", 0, -1)]
    taken = [json.loads(each)[0] for each in redis.hvals("unacked")]
    return {number_of(each) for each in waiting + taken} | {int(each) for each in redis.smembers("done")}


def lost():
    """Kill a busy worker at any moment, and count the messages that are nowhere."""
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
    kills = int(sys.argv[1])
    count = sum(lost() for _ in range(kills))
    print(f"{kills} busy workers killed with -9: {count} messages are in no list, and not done")
