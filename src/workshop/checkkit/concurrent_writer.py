"""Another process that writes to the same rows at the same time, for checks of what a save() overwrites."""

import contextlib
import threading
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from workshop.checkkit.worker import place_in


class Competitor:
    """Another process that writes to the database while a check runs the learner's code in this process.

    It has a separate connection. If its write needs a lock that this process holds, the write waits, and
    this process continues after a second.
    """

    def __init__(self):
        self._threads: list[threading.Thread] = []

    def write(self, work: Callable[[], object]) -> None:
        """Run work() over the competitor's connection."""
        self._threads.append(threading.Thread(target=_with_its_own_connection, args=(work,)))
        self._threads[-1].start()
        self._threads[-1].join(1)

    def join(self) -> None:
        """Wait until all its writes are done."""
        for thread in self._threads:
            thread.join()


@contextlib.contextmanager
def overtaken(write: Callable[[int], object]) -> Iterator[list[str]]:
    """In the block, another process runs write(pk) right before each save() of an existing photo.

    write() must not call save() itself. Yields a list: the file and line of each save() so far.
    """
    from django.db.models.signals import pre_save
    from images.models import UploadedImage

    competitor, places = Competitor(), []

    def meddle(instance, **_signal):
        if not instance._state.adding:
            places.append(place_in(Path.cwd(), traceback.extract_stack()) or "?")
            competitor.write(partial(write, instance.pk))

    pre_save.connect(meddle, sender=UploadedImage)
    try:
        yield places
    finally:
        pre_save.disconnect(meddle, sender=UploadedImage)
        competitor.join()


def _with_its_own_connection(work: Callable[[], object]) -> None:
    from django.db import connection

    try:
        work()
    finally:
        connection.close()
