"""A small database that a thread writes to continuously, for practicing backups."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

ACCOUNTS = 2000
HALF = ACCOUNTS // 2


class Bank:
    """A new database in `file`. A thread moves amounts between accounts, so the sum of all amounts is 0.

    `committed` is the number of the last entry. With `busy`, the database has some megabytes, and SQLite
    immediately moves each commit from the log to both ends of the database file.
    """

    def __init__(self, file: Path, busy: bool = False) -> None:
        self.file, self.busy, self.committed, self.error = file, busy, 0, ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> "Bank":
        for old in self.file.parent.glob(f"{self.file.name}*"):
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
        while self.committed < 20 and not self.error:
            self._stop.wait(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def whole(self) -> bool:
        """Whether the database is still intact: nothing may have been copied over it."""
        try:
            with closing(self._connect()) as database:
                return database.execute("SELECT count(*) FROM entry").fetchone()[0] > 0
        except sqlite3.Error:
            return False

    def missing_in_copies(self, copy: Callable[[Path, Path], object], count: int = 10) -> list[int]:
        """Copy the database `count` times while the thread writes to it.

        copy: called with the database file and the file to create. Returns for each copy the number of
        entries that were committed before the copy started but are missing in the copy.
        """
        target = self.file.with_name("copy.sqlite3")
        missing = []
        for _ in range(count):
            committed = self.committed
            copy(self.file, target)
            missing.append(self._missing_from(target, committed))
            self._stop.wait(0.05)
        return missing

    def __str__(self) -> str:
        files = sorted(self.file.parent.glob(f"{self.file.name}*"))
        return "\n".join(f"{file.name}: {file.stat().st_size:,} bytes" for file in files)

    def _missing_from(self, copy: Path, committed: int) -> int:
        """Return how many of the first `committed` entries are not in the file `copy`."""
        with closing(sqlite3.connect(copy)) as database:
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master")]
            if "entry" not in tables:
                return committed
            return max(0, committed - database.execute("SELECT count(*) FROM entry").fetchone()[0])

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
