"""Request the list of photos at fixed times, as another visitor would, in a separate process.

    python page_probe.py ADDRESS SECONDS COUNT

The visitor requests the page every SECONDS seconds. After COUNT requests, the program prints them as JSON:
the time at which each request was due (in seconds since 1970), and its duration in seconds. The
program prints all later requests once its standard input is closed. If a request starts late because the
previous request took too long, its duration counts from the time at which it was due. Otherwise, a blocked
server would receive fewer requests and look faster.
"""

import json
import sys
import threading
import time
from collections.abc import Callable

from workshop.photos.visitor import Visitor

WARM = 10
"""The number of warm-up requests, which are not counted."""


def probe(
    request: Callable[[], object], interval: float, go_on: Callable[[int], bool]
) -> list[tuple[float, float]]:
    """Send requests at fixed times.

    Args:
        request: A function that sends a request and waits for the response.
        interval: Seconds between two requests.
        go_on: A function that takes the number of requests so far and returns whether to send another one.

    Returns:
        For each request, the time at which it was due (in seconds since 1970), and the number of seconds from
        that time until the response arrived.
    """
    requests: list[tuple[float, float]] = []
    start, now = time.perf_counter(), time.time()
    while go_on(len(requests)):
        due = len(requests) * interval
        time.sleep(max(0.0, start + due - time.perf_counter()))
        request()
        requests.append((now + due, time.perf_counter() - start - due))
    return requests


def main(address: str, interval: float, count: int) -> None:
    """Print the first `count` requests, and print all later requests once standard input is closed."""
    over = threading.Event()
    with Visitor(address) as visitor:
        for _ in range(WARM):
            visitor.get()
        print(json.dumps(probe(visitor.get, interval, lambda done: done < count)), flush=True)
        threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
        print(json.dumps(probe(visitor.get, interval, lambda _: not over.is_set())), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
