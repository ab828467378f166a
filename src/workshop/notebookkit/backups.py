"""Back up a database that is constantly changing, and restore a backup into another folder."""

import os
import sqlite3
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from workshop.system.child import Child
from workshop.system.waiting import until

from .project import OpenProject

ACCOUNTS = 2000
HALF = ACCOUNTS // 2
SHOWN_LINES = 5
"""The maximum number of lines to show from the output of `manage.py restore`."""


class LiveDatabase:
    """A new database in which a thread transfers amounts between accounts.

    The sum of all amounts is always 0.

    Args:
        file: The database file.
        busy: Whether to create a larger database (a few megabytes), and to have SQLite immediately move each
            commit from the log to the database file. Each commit changes two distant places in that file.

    Attributes:
        committed: The ID of the last committed entry.
        error: The message of the error that stopped the thread, or "" if there was no error.
    """

    def __init__(self, file: Path, busy: bool = False) -> None:
        self.file, self.busy, self.committed, self.error = file, busy, 0, ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> "LiveDatabase":
        for old in self._files():
            old.unlink()
        with closing(self._connect()) as database:
            database.executescript(
                "CREATE TABLE account (id INTEGER PRIMARY KEY, amount INTEGER, note TEXT);"
                "CREATE TABLE entry (id INTEGER PRIMARY KEY, note TEXT);"
            )
            note = "a note " * (300 if self.busy else 0)
            database.execute("BEGIN")
            database.executemany(
                "INSERT INTO account VALUES (?, 0, ?)", [(number, note) for number in range(ACCOUNTS)]
            )
            database.execute("COMMIT")
        self._thread.start()
        until(lambda: self.committed >= 20 or self.error)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def intact(self) -> bool:
        """Whether the database still has entries, which shows that no other file was copied over it."""
        try:
            return _count_entries(self.file) > 0
        except sqlite3.Error:
            return False

    def missing_in_copies(self, copy: Callable[[Path, Path], object], count: int = 10) -> list[int]:
        """Make `count` copies of the database while the thread is writing to it.

        Args:
            copy: A function that takes the path of the database and the path of the copy to create.
            count: The number of copies.

        Returns:
            The number of entries that are missing from each copy, although they were committed before the
            copying started.
        """
        target = self.file.with_name("copy.sqlite3")
        missing = []
        for _ in range(count):
            committed = self.committed
            copy(self.file, target)
            missing.append(max(0, committed - _count_entries(target)))
            until(lambda before=committed: self.committed >= before + 20 or self.error)
        return missing

    def __str__(self) -> str:
        return "\n".join(f"{file.name}: {file.stat().st_size:,} bytes" for file in self._files())

    def _files(self) -> list[Path]:
        return sorted(self.file.parent.glob(f"{self.file.name}*"))

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.file, timeout=5, isolation_level=None)
        database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;")
        if self.busy:
            database.execute("PRAGMA wal_autocheckpoint=1")
        return database

    def _write(self) -> None:
        try:
            with closing(self._connect()) as database:
                while not self._stop.wait(0.0005 if self.busy else 0.002):
                    number = self.committed + 1
                    database.execute("BEGIN IMMEDIATE")
                    for change, place in ((-1, number % HALF), (1, HALF + number % HALF)):
                        database.execute(
                            "UPDATE account SET amount = amount + ? WHERE id = ?", [change, place]
                        )
                    database.execute("INSERT INTO entry VALUES (?, ?)", [number, "moved " * 50])
                    database.execute("COMMIT")
                    self.committed = number
        except sqlite3.Error as error:
            self.error = str(error)


def _count_entries(file: Path) -> int:
    """Return the number of entries in a database file, or 0 if the file has no `entry` table."""
    with closing(sqlite3.connect(file)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master")]
        return database.execute("SELECT count(*) FROM entry").fetchone()[0] if "entry" in tables else 0


def restore_into(folder: Path, project: OpenProject, backup: Path) -> None:
    """Run `manage.py restore` with `DATA_DIR` set to `folder`, and print the output and the photo counts.

    This function works only with SQLite. On PostgreSQL, `restore` would replace the running site's database.
    """
    from django.db import connection
    from images.models import UploadedImage

    if connection.vendor != "sqlite":
        print("Skipped: on PostgreSQL, restore would replace the running site's database.")
        return
    command = [sys.executable, "manage.py", "restore", backup.name]
    environment = os.environ | {"DATA_DIR": str(folder)}
    with Child(command, folder=project.folder, environment=environment) as restore:
        code = restore.wait()
        print("\n".join(restore.output.replace(str(folder), "…").splitlines()[:SHOWN_LINES]))
    if code == 0:
        with closing(sqlite3.connect(folder / "db.sqlite3")) as database:
            count = database.execute("SELECT count(*) FROM images_uploadedimage").fetchone()[0]
        print(f"photos in the restored database: {count}, in yours: {UploadedImage.objects.count()}")
