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
    redis.rpush("begun", time.time())
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
            until(lambda: redis.get("done") == str(redis.llen("begun")))
            time.sleep(2)
            begun = [float(each) for each in redis.lrange("begun", 0, -1)]
            print(
                f"acknowledged {task.name:6} begun at",
                *(f"{each - begun[0]:.1f} s" for each in begun),
                end="",
            )
            print(f", done {redis.get('done')} times")
