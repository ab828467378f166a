"""Write to a photo's row while the learner's code uses the row, and check which changes save() overwrites."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from functools import partial

from workshop.checkkit.code_locations import called_at


class ConcurrentWriter:
    """Simulates another process that writes to the database while a check runs the learner's code.

    Each write runs in its own thread and uses its own connection. If a write needs a lock that the learner's
    code holds, the write waits, and the learner's code continues after one second.
    """

    def __init__(self):
        self._threads: list[threading.Thread] = []

    def write(self, work: Callable[[], object]) -> None:
        """Run `work()` in a thread with its own database connection."""
        self._threads.append(threading.Thread(target=_with_its_own_connection, args=(work,)))
        self._threads[-1].start()
        self._threads[-1].join(1)

    def join(self) -> None:
        """Wait until all writes are done."""
        for thread in self._threads:
            thread.join()


@contextlib.contextmanager
def writing_before_each_save(write: Callable[[int], object]) -> Iterator[list[str]]:
    """While the `with` block runs, write to the database right before each save() of an existing photo.

    Args:
        write: A function that takes the photo's primary key and writes to the database. It must not call
            save().

    Yields:
        A list to which the file and line of each save() call are added.
    """
    from django.db.models.signals import pre_save
    from images.models import UploadedImage

    writer, locations = ConcurrentWriter(), []

    def write_first(instance, **_signal):
        if not instance._state.adding:
            locations.append(called_at())
            writer.write(partial(write, instance.pk))

    pre_save.connect(write_first, sender=UploadedImage)
    try:
        yield locations
    finally:
        pre_save.disconnect(write_first, sender=UploadedImage)
        writer.join()


def _with_its_own_connection(work: Callable[[], object]) -> None:
    from django.db import connection

    try:
        work()
    finally:
        connection.close()
