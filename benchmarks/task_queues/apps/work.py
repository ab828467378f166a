"""The work of every task, the same for all libraries, and the traces that a task leaves.

A trace is one RPUSH of "number time" to the list "begun" or "done", in a database of the broker that no
library uses. So the traces cost each library the same one or two round trips per task.
"""

import os
import time
from pathlib import Path

import redis
from images.resizing import resize

traces = redis.Redis.from_url(os.environ["REDIS_URL"].removesuffix("/0") + "/1")
PHOTO = Path(os.environ["DATA_DIR"], "photo.jpg")


def begun(number):
    traces.rpush("begun", f"{number} {time.time()}")


def done(number):
    traces.rpush("done", f"{number} {time.time()}")


def resize_photo(number):
    """Read the 12-megapixel photo, resize it, and write the result."""
    with PHOTO.open("rb") as file:
        resized = resize(file, 800, 600)
    PHOTO.with_name(f"{number}{resized.extension}").write_bytes(resized.content)
    done(number)


def nap(number):
    """Sleep for half a second, so that a worker can be killed in the middle."""
    begun(number)
    time.sleep(0.5)
    done(number)
