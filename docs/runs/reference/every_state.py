"""Produces every state of a task with a real worker, and shows what the producer and an event listener see.

Start a broker, then run: python every_state.py
"""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid

from celery import Celery
from celery.exceptions import Ignore, Reject
from celery.result import AsyncResult

URL = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
app = Celery("every_state", broker=URL, backend=URL)
app.conf.update(
    task_default_queue="every-state",
    task_track_started=True,
    task_send_sent_event=True,
    worker_send_task_events=True,
)


@app.task(bind=True)
def work(self, hold=False):
    if hold:
        app.backend.client.blpop(f"go-on:{self.request.id}", timeout=180)
    return 42


@app.task(ignore_result=True)
def work_silently():
    pass


@app.task(bind=True)
def report(self):
    self.update_state(state="PROGRESS", meta={"done": 3, "total": 24})
    app.backend.client.blpop(f"go-on:{self.request.id}", timeout=180)


@app.task
def fail():
    raise ValueError("no")


@app.task(bind=True)
def try_later(self):
    raise self.retry(countdown=600, exc=ConnectionError("not now"))


@app.task
def ignore():
    raise Ignore


@app.task(bind=True, acks_late=True)
def reject(self, requeue):
    raise Reject("not me", requeue=requeue and not self.request.delivery_info["redelivered"])


class Listener:
    """Receives all events, and stores their names for each task."""

    def __init__(self):
        self.heard = {}
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        with app.connection_for_read() as connection:
            app.events.Receiver(connection, handlers={"*": self.take}).capture(limit=None)

    def take(self, event):
        self.heard.setdefault(event.get("uuid"), []).append(event["type"].removeprefix("task-"))

    def of(self, task):
        return self.heard.get(task.id, [])


class Worker:
    """A worker in a separate process group. Its log is stored in memory."""

    def __init__(self):
        command = ["celery", "-A", "every_state", "worker", "-c", "2", "-l", "INFO"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command, "--without-gossip", "--without-mingle"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            cwd=os.path.dirname(os.path.abspath(__file__)),
        )
        self.log = ""
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.log += line

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def until(condition):
    end = time.monotonic() + 180
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("The task did not reach the expected state within three minutes.")
        time.sleep(0.02)


def tell(what, task, event=None):
    """Wait until `event` has been received, then print what is known about `task`."""
    until(lambda: event is None or event in listener.of(task))
    stored = bool(app.backend.client.exists(app.backend.get_key_for_task(task.id)))
    print(
        f"{what:<35} {task.state:<9}{task.ready()!s:<7}{task.successful()!s:<7}{task.failed()!s:<7}"
        f"{'yes' if stored else 'no'}"
    )
    print(f"    result: {task.result!r}")
    print(f"    events: {', '.join(listener.of(task)) or 'none'}")


def let_go(task):
    app.backend.client.rpush(f"go-on:{task.id}", "1")
    task.get(timeout=180)


def before_a_worker():
    print(f"{'':<35} {'state':<9}{'ready':<7}{'succ.':<7}{'failed':<7}stored")
    tell("a made-up id", AsyncResult(str(uuid.uuid4()), app=app))
    task = work.delay()
    tell("sent, but no worker is running", task, "sent")
    return task


def beside_a_worker(worker, waits):
    waits.get(timeout=180)
    tell("the same task, with a worker", waits, "succeeded")
    tell("done, with ignore_result=True", work_silently.delay(), "succeeded")

    later = work.apply_async(countdown=600)
    tell("reserved, with countdown=600", later, "received")
    app.control.broadcast("revoke", arguments={"task_id": later.id}, reply=True, timeout=1)
    tell("the same task, revoked", later)

    held = work.delay(hold=True)
    until(lambda: held.state == "STARTED")  # the event is sent before the state is stored
    tell("running", held, "started")
    let_go(held)
    reports = report.delay()
    until(lambda: reports.state == "PROGRESS")
    tell("running, after update_state()", reports)
    let_go(reports)

    tell("waiting for a retry", try_later.delay(), "retried")
    failed = fail.delay()
    tell("raised ValueError", failed, "failed")
    print(f"    traceback, last line: {failed.traceback.splitlines()[-1]}")

    tell("expired", work.apply_async(expires=-1), "revoked")
    name = str(uuid.uuid4())
    app.control.broadcast("revoke", arguments={"task_id": name}, reply=True, timeout=1)
    tell("a made-up id, revoked", AsyncResult(name, app=app))
    tell("the same id, sent afterwards", work.apply_async(task_id=name), "revoked")
    killed = work.delay(hold=True)
    until(lambda: "started" in listener.of(killed))
    killed.revoke(terminate=True)
    until(lambda: killed.state == "REVOKED")
    tell("revoked with terminate=True", killed, "revoked")

    ignored = ignore.delay()
    until(lambda: f"[{ignored.id}] ignored" in worker.log)
    tell("raised Ignore", ignored)
    rejected = reject.delay(requeue=False)
    tell("raised Reject", rejected, "rejected")
    again = reject.delay(requeue=True)
    until(lambda: listener.of(again).count("rejected") == 2)
    tell("raised Reject(requeue=True)", again)


if __name__ == "__main__":
    listener = Listener()
    until(lambda: app.backend.client.pubsub_numpat() > 0)  # otherwise the first events are missed
    try:
        waits = before_a_worker()
        worker = Worker()
        try:
            beside_a_worker(worker, waits)
        finally:
            worker.kill()
    finally:
        app.control.purge()
        app.backend.client.delete("unacked", "unacked_index")
