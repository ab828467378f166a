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


def main(module, name, count):
    app = importlib.import_module(module)
    numbers = range(int(count))
    if name == "answer":
        ask(app, numbers)
        return
    app.send(name, -1)
    began = time.perf_counter()
    for number in numbers:
        app.send(name, number)
    print(time.perf_counter() - began)


def ask(app, numbers):
    app.result(app.send("answer", -1))
    for number in numbers:
        # Random, so that the tasks are not in step with a worker that polls once a second.
        time.sleep(random.uniform(0.1, 1.1))
        sent = time.time()
        answer = app.result(app.send("answer", number))
        print(sent, time.time(), flush=True)
        if answer != number:
            sys.exit(f"The result of task {number} is {answer!r}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
