"""Simulate a night without a worker: 480 sweeps, one every twentieth of a second instead of one a minute.

python pile.py [EXPIRES]     # in intervals, such as 0.83 for 50 of 60 seconds
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

import services
from celery import Celery

EXPIRES = float(os.environ.get("EXPIRES", sys.argv[1] if len(sys.argv) > 1 else 0))
NIGHT, SPEED, QUEUE = 480, 0.05, "pile"

app = Celery("pile", broker=os.environ.get("REDIS_URL", "redis://localhost:6379/0"))
app.conf.task_default_queue = QUEUE
app.conf.beat_schedule = {
    "sweep": {
        "task": "pile.sweep",
        "schedule": SPEED,
        "options": {"expires": EXPIRES * SPEED} if EXPIRES else {},
    }
}


@app.task(ignore_result=True)
def sweep():
    pass


def start(log, *command):
    return subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "pile", *command, "--loglevel", "INFO", "--logfile", log],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=os.path.dirname(os.path.abspath(__file__)),
        env=os.environ | {"EXPIRES": str(EXPIRES)},
    )


def queued():
    with app.connection_for_read() as connection:
        return connection.default_channel.client.llen(QUEUE)


def end(process):
    process.terminate()
    process.wait()


if __name__ == "__main__":
    services.require_broker()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        beat = start(folder / "beat.log", "beat", "--schedule", folder / "schedule")
        while queued() < NIGHT:
            time.sleep(SPEED)
        end(beat)
        print(f"In the morning   {queued()} messages in the queue")
        worker = start(
            folder / "worker.log", "worker", "--pool", "solo", "--without-gossip", "--without-mingle"
        )
        while queued():
            time.sleep(0.1)
        end(worker)
        log = (folder / "worker.log").read_text()
        print(
            f"The worker       runs {log.count(' succeeded in ')}, discards {log.count('Discarding revoked')}"
        )
