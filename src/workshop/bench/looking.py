"""Another visitor in a separate process, who requests the list of photos at fixed times.

    python looking.py ADDRESS SECONDS COUNT

The visitor requests the page every SECONDS. The program prints the durations of the first COUNT requests as
JSON. Once its standard input is closed, it prints those of all later requests. If a request starts late
because the previous one took long, its duration counts from the time it was due. Otherwise, a blocked server
would get fewer requests and look faster.
"""

import json
import sys
import threading
import time
from collections.abc import Callable

from workshop.photos.visitor import Visitor

WARM = 10
"""Warm-up requests, which don't count."""


def looks(look: Callable[[], object], every: float, go_on: Callable[[int], bool]) -> list[float]:
    """Seconds from the time each request was due until it was finished."""
    seconds, began = [], time.perf_counter()
    while go_on(len(seconds)):
        due = began + len(seconds) * every
        time.sleep(max(0.0, due - time.perf_counter()))
        look()
        seconds.append(time.perf_counter() - due)
    return seconds


def main(address: str, every: float, count: int) -> None:
    over = threading.Event()
    with Visitor(address) as visitor:
        for _ in range(WARM):
            visitor.get()
        print(json.dumps(looks(visitor.get, every, lambda done: done < count)), flush=True)
        threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
        print(json.dumps(looks(visitor.get, every, lambda _: not over.is_set())), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
