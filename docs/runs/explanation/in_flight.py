"""A worker dies before it has read a message that the broker has already sent to it.

REDIS_URL=redis://localhost:6379/9 python in_flight.py
"""

import os
import signal
import time

from celery import Celery
from workers import URL, Worker, redis, until

app = Celery("in_flight", broker=URL)
app.conf.task_default_queue = "photos"
app.conf.task_ignore_result = True
app.conf.broker_transport_options = {
    "visibility_timeout": 3,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
}


@app.task(acks_late=True, reject_on_worker_lost=True)
def late():
    redis.incr("started")


def waiting():
    """Return the worker's connections that are waiting in BRPOP, according to the broker."""
    return [each for each in redis.client_list() if each["cmd"] == "brpop" and "b" in each["flags"]]


def show(title):
    print(f"{title:38} in the queue {redis.llen('photos')}, unacked {redis.hlen('unacked')}", end=", ")
    print(f"started {redis.get('started') or 0}")


if __name__ == "__main__":
    redis.flushdb()
    with Worker("in_flight", "-c", "1") as worker:
        late.delay()  # connects the producer, and shows that the worker is ready
        until(lambda: redis.get("started"))
        # A BRPOP waits for a second at a time. Stop the worker during a BRPOP that has just started.
        while True:
            until(waiting)
            os.killpg(worker.process.pid, signal.SIGSTOP)
            until(worker.stopped)
            redis.delete("started")
            if waiting():
                late.delay()
                if until(lambda: redis.llen("photos") == 0, 2):
                    break
            os.killpg(worker.process.pid, signal.SIGCONT)
            until(lambda: redis.llen("photos") == 0)
        show("sent, but not read by the worker")
        worker.kill()
    show("the worker is killed")
    with Worker("in_flight", "-c", "1"):
        time.sleep(12)
        show("12 s after another worker started")
