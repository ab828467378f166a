"""Measures ten times how long it takes until a task starts again after its pool process was killed.

REDIS_URL=redis://localhost:6379/9 python process_killed.py
"""

import os
import random
import signal
import time

from celery import Celery
from workers import URL, Worker, redis, until

app = Celery("process_killed", broker=URL)
app.conf.task_ignore_result = True


@app.task(acks_late=True, reject_on_worker_lost=True)
def work():
    """Record the process and the time. The first run takes ten minutes."""
    redis.set("pid", os.getpid())
    if redis.rpush("begun", time.time()) == 1:
        time.sleep(600)


if __name__ == "__main__":
    redis.flushdb()
    waits = []
    with Worker("process_killed", "-c", "2"):
        until(lambda: app.control.ping(timeout=0.2))
        for _ in range(10):
            redis.delete("begun")
            work.delay()
            until(lambda: redis.llen("begun") == 1)
            time.sleep(random.uniform(0.5, 5.5))
            killed = time.time()
            os.kill(int(redis.get("pid")), signal.SIGKILL)
            until(lambda: redis.llen("begun") == 2)
            waits.append(float(redis.lindex("begun", 1)) - killed)
    print("started again after", *(f"{each:.2f}" for each in sorted(waits)), "s")
