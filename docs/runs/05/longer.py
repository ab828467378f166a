"""Do work that takes longer than its lock. Run: python manage.py shell -v 0 < longer.py"""

import sys
import threading
import time

sys.path.append("../../docs/runs")

import services
from upkeep.locks import new_lock, try_lock

services.require_broker()
began = time.monotonic()


def say(who, what):
    print(f"{time.monotonic() - began:4.1f} s  {who}: {what}", flush=True)


def work(who, seconds):
    with try_lock("longer", seconds=3) as acquired:
        say(who, "got the lock" if acquired else "the lock is taken")
        time.sleep(seconds if acquired else 0)
    if acquired:
        say(who, "done")
        say(who, f"the lock is {'held' if new_lock('longer', 3).locked() else 'free'}")


threads = []
for at, who, seconds in [(0, "first", 5), (1, "second", 2), (4, "third", 2.5), (5.5, "fourth", 1)]:
    threads.append(threading.Timer(at, work, [who, seconds]))
    threads[-1].start()
for thread in threads:
    thread.join()
