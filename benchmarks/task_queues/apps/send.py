"""Send tasks from a separate process, as a web server would.

send.py MODULE TASK COUNT      sends COUNT tasks, numbered from 0; prints the seconds
send.py MODULE answer COUNT    sends each task after the previous result; prints "sent answered" for each

The first message opens the connection, so the program first sends task -1, which is not counted.
"""

import importlib
import os
import random
import sys
import time

if "DJANGO_SETTINGS_MODULE" in os.environ:
    import django

    django.setup()


def send_all(app, name, count):
    """Send all tasks, and print how many seconds that took."""
    app.send(name, -1)
    start = time.perf_counter()
    for number in range(count):
        app.send(name, number)
    print(time.perf_counter() - start)


def send_one_by_one(app, count):
    """Wait for each result before the next task is sent. Print both times, in seconds since 1970."""
    app.result(app.send("answer", -1))
    for number in range(count):
        # Random, so that the tasks are not in step with a worker that polls once a second.
        time.sleep(random.uniform(0.1, 1.1))
        sent = time.time()
        answer = app.result(app.send("answer", number))
        print(sent, time.time(), flush=True)
        if answer != number:
            sys.exit(f"The result of task {number} is {answer!r}.")


if __name__ == "__main__":
    module, name, count = sys.argv[1:]
    app = importlib.import_module(module)
    if name == "answer":
        send_one_by_one(app, int(count))
    else:
        send_all(app, name, int(count))
