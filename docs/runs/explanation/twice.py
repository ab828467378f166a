"""Counts how often a 12-second task runs for one message if the visibility timeout is 5 seconds.

REDIS_URL=redis://localhost:6379/9 python twice.py
"""

import time

from celery import Celery
from workers import URL, Worker, redis, until

app = Celery("twice", broker=URL)
app.conf.task_ignore_result = True
app.conf.broker_transport_options = {
    "visibility_timeout": 5,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
}


def work():
    redis.rpush("starts", time.time())
    time.sleep(12)
    redis.incr("done")


early = app.task(name="early")(work)
late = app.task(name="late", acks_late=True)(work)

if __name__ == "__main__":
    for task in (early, late):
        redis.flushdb()
        with Worker("twice", "-c", "4"):
            task.delay()
            until(lambda: int(redis.get("done") or 0) >= 1)
            until(lambda: redis.get("done") == str(redis.llen("starts")))
            time.sleep(2)
            starts = [float(each) for each in redis.lrange("starts", 0, -1)]
            times = ", ".join(f"{each - starts[0]:.1f} s" for each in starts)
            print(
                f"{task.name} acknowledgment:".ljust(22),
                f"{redis.get('done')} of {len(starts)} runs finished,",
                end=" ",
            )
            print("started at", times)
