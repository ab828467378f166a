"""Another visitor in a separate process, who requests the list of photos at fixed times.

    python looking.py ADDRESS SECONDS COUNT

The visitor requests the page every SECONDS. The program prints the first COUNT requests as JSON: for each
one, the time it was due in seconds since 1970, and its duration in seconds. Once its standard input is
closed, it prints all later requests. If a request starts late because the previous one took long, its
duration counts from the time it was due. Otherwise, a blocked server would get fewer requests and look
faster.
"""

import json
import sys
import threading
import time
from collections.abc import Callable

from workshop.photos.visitor import Visitor

WARM = 10
"""Warm-up requests, which don't count."""


def looks(
    look: Callable[[], object], every: float, go_on: Callable[[int], bool]
) -> list[tuple[float, float]]:
    """For each request, the time it was due (since 1970), and the seconds from then until it was finished."""
    found: list[tuple[float, float]] = []
    began, now = time.perf_counter(), time.time()
    while go_on(len(found)):
        after = len(found) * every
        time.sleep(max(0.0, began + after - time.perf_counter()))
        look()
        found.append((now + after, time.perf_counter() - began - after))
    return found


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
