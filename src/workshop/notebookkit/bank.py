"""A small database that is constantly being changed, for practicing backups."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

ACCOUNTS = 2000
HALF = ACCOUNTS // 2


class Bank:
    """A database in which a thread moves amounts between accounts. After every commit, the sum is 0.

    `committed` is the number of the last entry.

    busy: create a database of several megabytes, and write each commit from the log to both ends of the file.
    """

    def __init__(self, file: Path, busy: bool = False) -> None:
        self.file, self.busy, self.committed, self.error = file, busy, 0, ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> "Bank":
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
        """Whether the database is still intact, so nothing was copied over it."""
        try:
            with closing(self._connect()) as database:
                return database.execute("SELECT count(*) FROM entry").fetchone()[0] > 0
        except sqlite3.Error:
            return False

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
