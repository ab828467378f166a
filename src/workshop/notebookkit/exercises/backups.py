"""Check the exercise about backing up a live database."""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from workshop.checkkit import expect
from workshop.notebookkit.backups import LiveDatabase

from .answers import expect_function

COPIES = 10


def consistent_copy(copy) -> str:
    """Check exercise 5.5: a function that copies a live SQLite database."""
    expect_function("copy", copy, "two paths, source and target")
    with tempfile.TemporaryDirectory(prefix="notebook-05-") as folder:
        for busy in (False, True):
            with LiveDatabase(Path(folder) / f"live-{busy}.sqlite3", busy) as database:
                for number in range(COPIES // 2):
                    target = Path(folder) / f"copy-{busy}-{number}.sqlite3"
                    committed = database.committed
                    copy(database.file, target)
                    expect(
                        database.intact,
                        "The database at source is gone. Perhaps you swapped source and target: "
                        "a.backup(b) copies from a to b.",
                    )
                    expect(
                        not database.error,
                        f"While your function was copying, writes to the database failed: {database.error}.",
                    )
                    _examine(target, committed)
    return (
        f"The check made {COPIES} copies while another thread was changing the database. Each copy shows "
        "the database at a single moment and contains everything that had been committed before the copy."
    )


def _examine(target: Path, committed: int) -> None:
    """Reject a copy that is damaged, incomplete or inconsistent."""
    expect(target.is_file(), "Your function did not create a file at target.")
    log = target.with_name(f"{target.name}-wal")
    expect(
        not log.exists() or not log.stat().st_size,
        "You copied two files, one after the other. If SQLite moves pages from the log to the database "
        "in the meantime, part of the copy is out of date. Copying both files works only while the "
        "database is small.",
    )
    try:
        with closing(sqlite3.connect(target)) as database:
            damage = database.execute("PRAGMA integrity_check").fetchone()[0]
            entries = database.execute("SELECT count(*) FROM entry").fetchone()[0]
            total = database.execute("SELECT sum(amount) FROM account").fetchone()[0]
    except sqlite3.DatabaseError as error:
        damage, entries, total = str(error), 0, 0
        if "no such table" in damage:
            damage = "ok"
    expect(damage == "ok", f"One of the copies is damaged: {damage.splitlines()[0]}.")
    expect(
        entries >= committed,
        f"Your copy is missing {committed - entries} entries that were committed before the copy started. "
        "These entries are in the write-ahead log next to the database file (…-wal).",
    )
    expect(
        total == 0,
        f"The amounts in one of the copies add up to {total} instead of 0, so part of this copy is older "
        "than the rest. SQLite moved pages from the log to the database file while you were copying it.",
    )
