"""Run the finished project on several simulated hosts, which share servers but no disk."""

import contextlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from workshop import paths
from workshop.cluster import VISIBILITY_TIMEOUT, send_photos
from workshop.cluster.host import Host
from workshop.errors import WorkshopError
from workshop.photos.visitor import Visitor
from workshop.runtime import broker, temporary_servers
from workshop.runtime.site_stack import SiteStack
from workshop.runtime.solution_site import Site, newest
from workshop.system import signals
from workshop.system.child import Child

WEB = "gunicorn myproject.wsgi --bind 127.0.0.1:$PORT --workers 2"
SETTINGS = f"{__package__}.host_settings"
PROGRESS = re.compile(r"(\d+) ([\d.]+)")
"""Matches a progress line that send_photos.py prints. The output can also contain warnings."""
PATIENCE = VISIBILITY_TIMEOUT + 20
"""If no photo has been resized for this many seconds, the remaining photos count as lost.

Unacknowledged messages return to the queue after VISIBILITY_TIMEOUT, which is shorter.
"""


class Simulation:
    """A site and hosts that don't share a disk. The rows are in a database, and the photos are in a bucket.

    Args:
        sites: The object that stops all processes at the end.
        workers: The number of hosts.
    """

    def __init__(self, sites: SiteStack, workers: int):
        folder = sites.folder()
        self._folder = folder
        self._database, database_url = _database(sites, folder)
        variables = sites.enter(temporary_servers.bucket()) | {
            "DATABASE_URL": database_url,
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "PYTHONPATH": str(paths.SOURCES),
        }
        without = ("worker", "slow", "flower", "beat")
        self.site = sites.start(Site(newest(), folder, without, {"web": WEB}, variables))
        self.site.wait()
        names = [f"host{number + 1}" for number in range(workers)]
        self.hosts = [Host(name, self.site.project.folder, folder, self.site.environment) for name in names]

    @property
    def shared_servers(self) -> dict[str, str]:
        """The server for each kind of data that the hosts share: rows, photos and messages."""
        return {
            "rows": self._database,
            "photos": "a bucket in an S3 store (moto)",
            "messages": f"Valkey {broker.version_of(self.site.broker_url)}",
        }

    def upload(self, photo: bytes, count: int) -> None:
        """Upload the same photo `count` times through the site."""
        with Visitor(self.site.address) as visitor:
            for number in range(count):
                visitor.upload(f"p{number:03}.jpg", photo).raise_for_refusal()

    @contextlib.contextmanager
    def running_workers(self, count: int) -> Iterator[Sequence[Host]]:
        """Run the workers of the first `count` hosts while the `with` block runs. Yields these hosts."""
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
                host.terminate()
            for host in hosts:
                host.stop()

    def resize(self, send: bool = True) -> Iterator[tuple[int, float]]:
        """Send a task for each photo, and wait until all photos are resized.

        The wait also ends if no photo has been resized for PATIENCE seconds.

        Args:
            send: Whether to send the tasks. After an upload, the site has already sent the tasks.

        Yields:
            The number of resized photos and the seconds since the start, each time this number changes.

        Raises:
            WorkshopError: If send_photos.py failed.
        """
        environment = self.site.environment | {
            "DATA_DIR": str(self._folder / "sending"),
            "PYTHONPATH": os.pathsep.join([str(self.site.project.folder), str(paths.SOURCES)]),
        }
        command = [sys.executable, "-P", send_photos.__file__, str(PATIENCE), "send" if send else "follow"]
        with signals.held():
            script = Child(command, folder=self.site.project.folder, environment=environment)
        with script:
            for line in script.lines():
                if progress := PROGRESS.fullmatch(line):
                    yield int(progress[1]), float(progress[2])
            if script.wait():
                raise WorkshopError(
                    f"The script that counts the resized photos failed.\n{script.last_lines(20)}"
                )


def _database(sites: SiteStack, folder: Path) -> tuple[str, str]:
    """Start the database, and return its description and its URL."""
    try:
        return "PostgreSQL", sites.enter(temporary_servers.postgres())
    except temporary_servers.NotInstalled:
        description = (
            "one SQLite file, which real hosts couldn't share. PostgreSQL isn't installed on this machine "
            "(apt-get install postgresql)"
        )
        return description, f"sqlite:///{folder / 'rows.sqlite3'}"
