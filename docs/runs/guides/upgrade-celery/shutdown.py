"""Stop a worker while it runs a six-second task with late acknowledgment, and show what happens to the task.

Usage, while a broker is running: python shutdown.py
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import redis
from celery import Celery

URL = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
app = Celery("shutdown", broker=URL)
app.conf.update(
    task_default_queue="shutdown",
    task_ignore_result=True,
    worker_soft_shutdown_timeout=float(os.environ.get("SOFT", 0)),
)
client = redis.Redis.from_url(URL)

CASES = [  # name, SOFT, list of (seconds after the task has started, signal)
    ("SIGTERM", 0, [(1, signal.SIGTERM)]),
    ("SIGTERM, SIGKILL after 2 s", 0, [(1, signal.SIGTERM), (3, signal.SIGKILL)]),
    ("SIGQUIT", 0, [(1, signal.SIGQUIT)]),
    ("SIGQUIT, soft timeout 2 s", 2, [(1, signal.SIGQUIT)]),
    ("SIGQUIT, soft timeout 20 s", 20, [(1, signal.SIGQUIT)]),
]


@app.task(acks_late=True, reject_on_worker_lost=True)
def six_seconds():
    client.set("begun", 1)
    time.sleep(6)
    client.set("done", 1)


def stop(soft, signals):
    client.flushdb()
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "shutdown", "worker", "-c", "1", "--without-gossip"],
        cwd=Path(__file__).parent,
        env=os.environ | {"SOFT": str(soft)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    six_seconds.delay()
    while not client.exists("begun"):
        time.sleep(0.02)
    began = time.monotonic()
    for seconds, number in signals:
        time.sleep(max(0, began + seconds - time.monotonic()))
        if number == signal.SIGKILL:
            os.killpg(worker.pid, number)
        else:
            worker.send_signal(number)
    worker.wait()
    took = time.monotonic() - began - signals[0][0]
    done = "done" if client.exists("done") else "not done"
    return f"{took:4.1f} s", done, client.llen("shutdown"), client.hlen("unacked")


if __name__ == "__main__":
    print(f"{'':<28}{'ended after':<13}{'the task':<10}{'in the queue':<14}not acknowledged")
    for what, soft, signals in CASES:
        took, done, waiting, unacked = stop(soft, signals)
        print(f"{what:<28}{took:<13}{done:<10}{waiting:<14}{unacked}")
