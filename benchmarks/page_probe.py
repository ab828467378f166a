"""Another visitor in a separate process, who requests the list of photos at fixed times.

    python page_probe.py ADDRESS SECONDS COUNT

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


def probe(
    request: Callable[[], object], interval: float, go_on: Callable[[int], bool]
) -> list[tuple[float, float]]:
    """Send requests at fixed times.

    Args:
        request: Sends a request and waits for the response.
        interval: Seconds between two requests.
        go_on: Returns whether to send another request after so many.

    Returns:
        For each request, the time it was due (since 1970), and the seconds from then until it was finished.
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
    """Print the first requests, and the others once standard input is closed."""
    over = threading.Event()
    with Visitor(address) as visitor:
        for _ in range(WARM):
            visitor.get()
        print(json.dumps(probe(visitor.get, interval, lambda done: done < count)), flush=True)
        threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
        print(json.dumps(probe(visitor.get, interval, lambda _: not over.is_set())), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
