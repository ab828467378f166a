"""Measures how long the threads of a process wait for each other when all of them resize photos.

./workshop dev runs explanation/gil     # on Linux

For each thread, the kernel counts how long the thread ran, and how long it waited for a processor. The
rest of the time, the thread was asleep. The work doesn't use files or the network, so a thread sleeps only
while it waits for Python's global lock. Other programs on the machine increase the wait for a processor,
but not the time asleep.
"""

import io
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "solutions/05-beat"))
from images.resizing import resize

from workshop.photos.samples import PHONE_PHOTO

SECONDS = 8


def in_python(photo):
    """Do work in pure Python, for comparison."""
    sum(number * number for number in range(400_000))


def resizing(photo):
    resize(io.BytesIO(photo))


def measured(work, photo, found):
    """Repeat `work`. Append to `found`: seconds running, waiting for a processor, asleep; repetitions."""
    schedstat = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
    ran, queued, _ = (int(each) / 1e9 for each in schedstat.read_text().split())
    started, times = time.monotonic(), 0
    while time.monotonic() < started + SECONDS:
        work(photo)
        times += 1
    wall = time.monotonic() - started
    now_ran, now_queued, _ = (int(each) / 1e9 for each in schedstat.read_text().split())
    ran, queued = now_ran - ran, now_queued - queued
    found.append((ran, queued, max(0, wall - ran - queued), times))


if __name__ == "__main__":
    photo = PHONE_PHOTO.content()
    for work in (in_python, resizing):
        for count in (1, 2, 4):
            found = []
            threads = [threading.Thread(target=measured, args=(work, photo, found)) for _ in range(count)]
            for each in threads:
                each.start()
            for each in threads:
                each.join()
            ran, queued, asleep, _ = (sum(each) for each in zip(*found, strict=True))
            # Without the wait for a processor, as if each thread had its own processor.
            busy = ran / (ran + asleep)
            threads = f"{count} thread{'s' * (count > 1)}:"
            speed = f"as fast as {count * busy:.1f} threads"
            print(f"{work.__name__:10} {threads:10} asleep {1 - busy:4.0%}, {speed}")
