"""What `./workshop cluster` runs: the finished project on servers that hosts can share, and the hosts."""

import contextlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from workshop import paths
from workshop.cluster import VISIBILITY_TIMEOUT, send_photos
from workshop.errors import WorkshopError
from workshop.photos.visitor import Visitor
from workshop.runtime import broker, temporary_servers
from workshop.runtime.solution_site import Ending, Site, newest
from workshop.system import signals
from workshop.system.child import Child

from .host import Host

WEB = "gunicorn myproject.wsgi --bind 127.0.0.1:$PORT --workers 2"
SETTINGS = f"{__package__}.host_settings"
_PROGRESS = re.compile(r"(\d+) ([\d.]+)")
PATIENCE = VISIBILITY_TIMEOUT + 20
"""Seconds without a resized photo until the rest counts as lost. Unacknowledged messages return sooner."""


class System:
    """A site and `workers` hosts that share no disk: rows are in a database server, photos in a bucket.

    The stack of `ending` stops everything. Raises WorkshopError if a process does not start.
    """

    def __init__(self, ending: Ending, workers: int):
        folder = ending.folder()
        self._folder = folder
        self.database, url = _database(ending, folder)
        variables = ending.entered(temporary_servers.bucket()) | {
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "PYTHONPATH": str(paths.SOURCES),
        }
        idle = ("worker", "slow", "flower", "beat")
        self.site = ending.started(Site(newest(), folder, idle, {"web": WEB}, variables))
        self.site.wait()
        names = [f"host{number + 1}" for number in range(workers)]
        code = self.site.project.folder
        self.hosts = [Host(name, code, folder, self.site.environment) for name in names]

    @property
    def parts(self) -> dict[str, str]:
        """What the hosts share, and the server for each."""
        return {
            "rows": self.database,
            "photos": "a bucket in an S3 store (moto)",
            "messages": f"Valkey {broker.version_of(self.site.broker_url)}",
        }

    def upload(self, photo: bytes, count: int) -> None:
        """Upload `photo` `count` times. Raises WorkshopError if the site rejects the photo."""
        with Visitor(self.site.address) as visitor:
            for number in range(count):
                answer = visitor.upload(f"p{number:03}.jpg", photo)
                if answer.refusal:
                    raise WorkshopError(f"The site rejected a photo: {answer.refusal}")

    @contextlib.contextmanager
    def at_work(self, count: int) -> Iterator[Sequence[Host]]:
        """Run the workers of the first `count` hosts, and stop them afterwards."""
        hosts = self.hosts[:count]
        try:
            for host in hosts:
                with signals.held():
                    host.start()
            for host in hosts:
                host.wait()
            yield hosts
        finally:
            for host in hosts:
                host.ask_to_stop()
            for host in hosts:
                host.stop()

    def resizing(self, send: bool = True) -> Iterator[tuple[int, float]]:
        """Send a task for each photo. At each change, yield the number of resized photos and the seconds.

        send: False doesn't send tasks, because the upload has already sent them. Ends when all photos are
        resized, or when none was resized for `PATIENCE` seconds. Raises WorkshopError if send_photos.py
        fails.
        """
        with signals.held():
            script = Child(
                [sys.executable, "-P", send_photos.__file__, str(PATIENCE), "send" if send else "follow"],
                folder=self.site.project.folder,
                environment=self.site.environment
                | {
                    "DATA_DIR": str(self._folder / "sending"),
                    "PYTHONPATH": os.pathsep.join([str(self.site.project.folder), str(paths.SOURCES)]),
                },
            )
        with script:
            for line in script.lines():
                if progress := _PROGRESS.fullmatch(line):
                    yield int(progress[1]), float(progress[2])
            if script.wait() not in (0, send_photos.NOT_ALL):
                raise WorkshopError(
                    f"The script that counts the resized photos failed.\n{script.last_lines(20)}"
                )


def _database(ending: Ending, folder: Path) -> tuple[str, str]:
    """The description of the database, and its URL."""
    try:
        return "PostgreSQL", ending.entered(temporary_servers.postgres())
    except temporary_servers.NotInstalled:
        file = folder / "rows.sqlite3"
        words = (
            "one SQLite file, which real hosts couldn't share. PostgreSQL isn't installed on this machine "
            "(apt-get install postgresql)"
        )
        return words, f"sqlite:///{file}"
