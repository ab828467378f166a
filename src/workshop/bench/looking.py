"""Another visitor, in a process of its own: looks at the list of photos, on a beat that waits for nobody.

    python looking.py ADDRESS SECONDS COUNT

A look each SECONDS. It prints, as JSON, the seconds of the first COUNT looks, and once its standard input
ends, those of all that came after. A look that begins late, because the one before it took long, counts from
when it was due: else a server that stands still would be asked less often, and look better.
"""

import json
import sys
import threading
import time
from collections.abc import Callable

from workshop.visitor import Visitor

WARM = 10
"""Looks before the first that counts."""


def looks(look: Callable[[], object], every: float, go_on: Callable[[int], bool]) -> list[float]:
    """Seconds from when each look was due until it was done."""
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
