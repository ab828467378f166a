"""Run eight experiments in eager mode, with a worker in a thread, and with a worker in a separate process.

Usage, in a copy of solutions/03-images, while a broker is running: python modes.py
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "myproject.settings")
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
sys.path.insert(0, os.getcwd())

import django
import redis
from celery import Celery
from celery.contrib.testing.worker import start_worker

URL = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
HERE = Path(__file__).resolve().parent
COUNT = "modes:count"
app = Celery("modes", broker=URL, backend=URL)
app.conf.update(
    task_default_queue="modes",
    task_always_eager=os.environ.get("MODE") == "eager",
    result_backend_transport_options={"retry_policy": {"timeout": 1}},
)


@app.task
def type_of(value):
    return type(value).__name__


@app.task
def size():
    return 800, 600


@app.task
def a_set():
    return {800, 600}


@app.task
def name_of(pk):
    from django.contrib.auth.models import User

    return User.objects.get(pk=pk).username


@app.task(bind=True)
def second_try(self, began):
    if self.request.retries == 0:
        raise self.retry(countdown=2, kwargs={"began": time.time()}, args=())
    return f"{time.time() - began:.1f} s later"


@app.task(time_limit=1)
def three_seconds():
    time.sleep(3)
    return "done after 3 s"


@app.task
def nothing():
    return None


@app.task(acks_late=True, reject_on_worker_lost=True)
def killed_once():
    client = redis.Redis.from_url(URL)
    if client.incr(COUNT) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return f"done, attempt {int(client.get(COUNT))}"


def outcome(send):
    """Return the result of the task that `send()` sends, or the name of the exception."""
    try:
        return str(send().get(timeout=20))
    except Exception as error:
        return type(error).__name__


def state_by_id():
    task = nothing.delay()
    task.get(timeout=20)
    return app.AsyncResult(task.id).state


def uncommitted():
    from django.contrib.auth.models import User
    from django.db import transaction

    with transaction.atomic():
        row = User.objects.create(username="found")
        found = outcome(lambda: name_of.delay(row.pk))
        transaction.set_rollback(True)
    return found


QUESTIONS = {
    "argument (800, 600)": lambda: outcome(lambda: type_of.delay((800, 600))),
    "result (800, 600)": lambda: outcome(size.delay),
    "result {800, 600}": lambda: outcome(a_set.delay),
    "row, not committed": uncommitted,
    "retry(countdown=2)": lambda: outcome(lambda: second_try.delay(None)),
    "time_limit=1, 3 s of work": lambda: outcome(three_seconds.delay),
    "state, looked up by id": state_by_id,
    "the process is killed": lambda: outcome(killed_once.delay),
}


def worker_of_its_own(stack):
    command = ["celery", "-A", "modes", "worker", "-c", "1", "--without-gossip", "--without-mingle"]
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env=os.environ | {"PYTHONPATH": f"{HERE}{os.pathsep}{os.getcwd()}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(process.wait)
    stack.callback(process.terminate)


def ask(mode):
    """Print the answer to each question on one line. The last question may kill this process."""
    django.setup()
    with ExitStack() as stack:
        if mode == "thread":
            stack.enter_context(start_worker(app, perform_ping_check=False))
        if mode == "process":
            worker_of_its_own(stack)
        for question in QUESTIONS.values():
            print(question(), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        ask(sys.argv[1])
        sys.exit()
    client = redis.Redis.from_url(URL)
    answers = {}
    for mode in ("eager", "thread", "process"):
        client.delete(COUNT, "modes", "unacked", "unacked_index")
        done = subprocess.run(
            [sys.executable, __file__, mode],
            env=os.environ | {"MODE": mode},
            capture_output=True,
            text=True,
        )
        lines = done.stdout.splitlines()
        if done.returncode == -signal.SIGKILL:
            lines.append("caller is killed")
        if len(lines) < len(QUESTIONS):
            sys.exit(f"{mode}: stopped after {lines}\n{done.stderr}")
        answers[mode] = lines
    client.delete(COUNT, "modes", "unacked", "unacked_index")
    print(f"{'':<26}{'eager':<18}{'thread':<18}process")
    for question, *row in zip(QUESTIONS, *answers.values(), strict=True):
        print(f"{question:<26}{row[0]:<18}{row[1]:<18}{row[2]}")
