"""The functions that the tasks of all libraries run, and the traces that these functions leave.

The app of each library runs the functions in TASKS as tasks and defines two functions, which send.py calls:

- `send(name, number)` sends the task `name` with the argument `number`, and returns the sent task.
- `result(sent)` waits up to a minute for the result of a sent task, and returns the result.

A trace consists of the task's number and a time. One RPUSH adds the trace to the list "started" or
"finished". No library uses the database that contains these two lists, so the traces cost every library the
same: one or two round trips to the broker per task.
"""

import os
import time
from pathlib import Path

import redis
from images.resizing import resize

traces = redis.Redis.from_url(os.environ["REDIS_URL"].removesuffix("/0") + "/1")
PHOTO = Path(os.environ["DATA_DIR"], "photo.jpg")


def _trace(kind, number):
    traces.rpush(kind, f"{number} {time.time()}")


def empty(number):
    """Do nothing."""
    _trace("finished", number)


def photo(number):
    """Read the 12-megapixel photo, resize it, and write the result."""
    with PHOTO.open("rb") as file:
        resized = resize(file, 800, 600)
    PHOTO.with_name(f"{number}{resized.extension}").write_bytes(resized.content)
    _trace("finished", number)


def nap(number):
    """Sleep for half a second, so that the worker can be killed in the middle of the task."""
    _trace("started", number)
    time.sleep(0.5)
    _trace("finished", number)


def answer(number):
    """Return `number` as the result."""
    _trace("started", number)
    return number


TASKS = (empty, photo, nap, answer)
