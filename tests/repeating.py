"""Do something again and again in the background, while a test does something else."""

import contextlib
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def repeating(work: Callable[[int], object]) -> Iterator[list[int]]:
    """Call `work(0)`, `work(1)` and so on in a thread until the block ends.

    Yields the list of the numbers whose calls are over. An exception of a call is raised at the end.
    """
    stop, done, errors = threading.Event(), [], []

    def run() -> None:
        while not stop.is_set() and not errors:
            try:
                work(len(done))
            except Exception as error:
                errors.append(error)
            else:
                done.append(len(done))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()
    if errors:
        raise errors[0]
