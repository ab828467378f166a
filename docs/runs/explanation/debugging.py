"""Sets a breakpoint in a task, first in a prefork worker, and then in a solo worker with a terminal.

REDIS_URL=redis://localhost:6379/9 python debugging.py
"""

import re
import subprocess
import sys

from celery import Celery
from workers import QUICK, URL, Worker, redis, until

app = Celery("debugging", broker=URL, backend=URL)


@app.task
def halve(number):
    half = number / 2
    breakpoint()  # noqa: T100
    return half


TYPED = "p number, half\nhalf = 4\ncontinue\n"

if __name__ == "__main__":
    redis.flushdb()
    with Worker("debugging", "--concurrency", "1"):
        result = halve.delay(7)
        until(result.ready)
    print("--pool prefork:", result.state, repr(result.result))

    command = [sys.executable, "-m", "celery", "-A", "debugging", "worker", *QUICK, "--pool", "solo"]
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, "stdout": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, **pipes) as worker:
        result = halve.delay(7)
        worker.stdin.write(TYPED)
        worker.stdin.flush()
        until(result.ready)
        worker.terminate()
        log = worker.stderr.read()
    print("--pool solo:   ", result.state, repr(result.result))
    print("\nTyped:", *TYPED.splitlines(), sep="\n    ")
    print("The log of the worker:")
    for line in re.findall(r"MainProcess\] (.*)|^(-> .*)", log, re.MULTILINE):
        print("   ", re.sub(r"/\S+/", "", "".join(line)))
