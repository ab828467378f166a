"""Send tasks from a separate process, as a web server would.

send.py MODULE TASK COUNT      send COUNT tasks, numbered from 0, and print how many seconds that took
send.py MODULE answer COUNT    send each task after the previous result, and print two times for each task

Opening the connection takes time, so the program first sends task -1, which is not counted.
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
    """Send the tasks, and wait for each result before sending the next task.

    For each task, print the time it was sent and the time its result arrived, in seconds since 1970.
    """
    app.result(app.send("answer", -1))
    for number in range(count):
        # The pause is random, so that the tasks are not synchronized with a worker that polls once a second.
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
