"""Shows the broker's keys while a worker is running tasks, and after the worker was killed.

REDIS_URL=redis://localhost:6379/9 python keys.py
"""

import json
import time
from base64 import b64decode

from celery import Celery
from workers import URL, Worker, redis, until

app = Celery("keys", broker=URL)
app.conf.task_default_queue = "photos"
app.conf.task_ignore_result = True
app.conf.broker_transport_options = {
    "visibility_timeout": 5,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
}


@app.task
def early(seconds):
    redis.incr("started")
    time.sleep(seconds)


@app.task(acks_late=True, reject_on_worker_lost=True)
def late(seconds):
    redis.incr("started")
    time.sleep(seconds)


def show(title):
    """Print the three keys, with the messages in the order in which they were taken."""
    print(title)
    print("  LLEN photos  ", redis.llen("photos"))
    print("  HLEN unacked ", redis.hlen("unacked"))
    for tag, taken in redis.zrange("unacked_index", 0, -1, withscores=True):
        message, _exchange, _routing_key = json.loads(redis.hget("unacked", tag))
        headers, args = message["headers"], json.loads(b64decode(message["body"]))[0]
        task = f"{headers['task'].rpartition('.')[2]}{tuple(args)}".replace(",)", ")")
        eta = f"  eta {headers['eta'][11:19]}" if headers["eta"] else ""
        print(f"    {tag[:8]}  taken {time.time() - taken:3.1f} s ago  {task}{eta}")


if __name__ == "__main__":
    redis.flushdb()
    with Worker("keys", "-c", "2") as worker:
        early.delay(600)
        late.delay(600)
        until(lambda: redis.get("started") == "2")
        late.apply_async((1,), countdown=600)
        for _ in range(9):
            late.delay(0)
        until(lambda: redis.llen("photos") == 2)
        time.sleep(1)
        show("running: early(600) and late(600), then a task with a countdown, and nine more")
        worker.kill()
        show("kill -9 of the whole worker")
    redis.delete("started")
    with Worker("keys", "-c", "2"):
        until(lambda: int(redis.get("started") or 0) >= 10)
        time.sleep(1)
        show(f"another worker has started {redis.get('started')} tasks")
