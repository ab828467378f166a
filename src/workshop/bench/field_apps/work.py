"""The work of every task, the same for all the libraries, and the trace that it leaves.

A trace is one RPUSH of "number time" to a list, in a database of the broker's own that no library uses: what
was begun, and what was done. So a task costs each library the same one or two round trips.
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
    """Read the photo of 12 megapixels, resize it, write the result."""
    with PHOTO.open("rb") as file:
        resized = resize(file, 800, 600)
    PHOTO.with_name(f"{number}{resized.extension}").write_bytes(resized.content)
    done(number)


def nap(number):
    """Half a second of waiting, in the middle of which a worker can be killed."""
    begun(number)
    time.sleep(0.5)
    done(number)
