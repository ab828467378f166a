"""Shows what happens to a message when a process or a worker is stopped in the middle of a task.

REDIS_URL=redis://localhost:6379/9 python lost.py
"""

import os
import signal
import time

from celery import Celery
from workers import URL, Worker, redis, until

app = Celery("lost", broker=URL, backend=URL)
app.conf.broker_transport_options = {
    "visibility_timeout": 12,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
}
app.conf.worker_soft_shutdown_timeout = float(os.environ.get("SOFT", 0))
WAIT = 16
"""If a task has not started again after this many seconds, it counts as lost."""


def work():
    """Record the time of each start. The first run takes ten minutes."""
    if redis.rpush("begun", time.time()) == 1:
        time.sleep(600)


early = app.task(name="early")(work)
late = app.task(name="late", acks_late=True)(work)
both = app.task(name="late, reject_on_worker_lost", acks_late=True, reject_on_worker_lost=True)(work)


def kill_process(worker):
    os.kill(worker.pool_processes()[0], signal.SIGKILL)


def kill_all(worker):
    worker.kill()


def term_then_kill(worker):
    worker.signal(signal.SIGTERM)
    time.sleep(2)
    worker.kill()


def cold(worker):
    worker.signal(signal.SIGQUIT)
    worker.process.wait(30)


ENDS = {
    "kill -9 of the pool process": (kill_process, {}),
    "kill -9 of the whole worker": (kill_all, {}),
    "SIGTERM, and kill -9 of all after 2 s": (term_then_kill, {}),
    "SIGQUIT: cold shutdown": (cold, {}),
    "SIGQUIT with worker_soft_shutdown_timeout = 1": (cold, {"SOFT": "1"}),
}

if __name__ == "__main__":
    for title, (end, environment) in ENDS.items():
        print(title)
        for task in (early, late, both):
            redis.flushdb()
            with Worker("lost", "-c", "1", **environment) as first:
                result = task.delay()
                until(lambda: redis.llen("begun") == 1)
                time.sleep(0.5)
                ended = time.time()
                end(first)
                with Worker("lost", "-c", "1"):
                    again = until(lambda: redis.llen("begun") == 2, WAIT)
                    until(result.ready, 2)
                    begun = [float(each) - ended for each in redis.lrange("begun", 0, -1)]
                    came = f"started again after {begun[1]:.1f} s" if again else "not started again"
                    print(f"  {task.name:28} {came:27} {result.state}", flush=True)
