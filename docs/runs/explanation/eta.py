"""Sends fifty messages with a countdown and one without. Shows where they are, and when the last task starts.

REDIS_URL=redis://localhost:6379/9 python eta.py
"""

import os
import time

from celery import Celery
from workers import URL, Worker, redis, until

app = Celery("eta", broker=URL)
app.conf.task_ignore_result = True
app.conf.worker_eta_task_limit = int(os.environ["LIMIT"]) if os.environ.get("LIMIT") else None


@app.task
def work():
    redis.set("started", time.time(), nx=True)


@app.task
def later():
    redis.incr("later")


if __name__ == "__main__":
    for limit in ("", "20"):
        redis.flushdb()
        with Worker("eta", "-c", "2", LIMIT=limit):
            until(lambda: app.control.ping(timeout=0.2))
            for _ in range(50):
                later.apply_async(countdown=10)
            time.sleep(2)
            [stats] = app.control.inspect(timeout=1).stats().values()
            print(f"worker_eta_task_limit = {limit or None}")
            print(f"  in the worker {redis.hlen('unacked')}, in the queue {redis.llen('celery')}", end=", ")
            print(f"prefetch count {stats['prefetch_count']}")
            sent = time.time()
            work.delay()
            until(lambda: redis.get("started"))
            print(f"  the task without a countdown started after {float(redis.get('started')) - sent:.2f} s")
