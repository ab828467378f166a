"""Kill a worker with -9 in the middle of a task, and measure when another worker gets the message.

Start a broker, then run: python ../../docs/runs/03/redelivery.py VISIBILITY_TIMEOUT [INTERVAL THROTTLE]
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

import services
from celery import Celery

NAMES = ("visibility_timeout", "unacked_restore_interval", "unacked_restore_throttle")
OPTIONS = dict(zip(NAMES, map(int, os.environ.get("OPTIONS", " ".join(sys.argv[1:])).split()), strict=False))

app = Celery("redelivery", broker=os.environ.get("REDIS_URL", "redis://localhost:6379/0"))
app.conf.broker_transport_options = OPTIONS
app.conf.task_default_queue = "redelivery"


@app.task(acks_late=True, reject_on_worker_lost=True, ignore_result=True)
def hold(seconds):
    print("STARTED", flush=True)
    time.sleep(seconds)


def start_worker():
    command = ["celery", "-A", "redelivery", "worker", "-c", "1", "--without-gossip", "--without-mingle"]
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        cwd=os.path.dirname(os.path.abspath(__file__)),
        env=os.environ | {"OPTIONS": " ".join(map(str, OPTIONS.values()))},
    )


def wait_for_begin(worker):
    for line in worker.stdout:
        if "STARTED" in line:
            return time.monotonic()
    raise SystemExit("The worker ended.")


def kill(worker):
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


if __name__ == "__main__":
    services.require_broker()
    first = start_worker()
    try:
        hold.delay(600)
        wait_for_begin(first)
    finally:
        kill(first)
    killed = time.monotonic()
    second = start_worker()
    try:
        print(f"{OPTIONS}: started again {wait_for_begin(second) - killed:.1f} s after the worker was killed")
    finally:
        kill(second)
        app.control.purge()
        with app.connection_for_write() as connection:
            connection.default_channel.client.delete("unacked", "unacked_index")
