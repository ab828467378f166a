"""Copy a SQLite database during writes: only the file, the file with its WAL, and with the online backup.

python live_copy.py MEGABYTES     # how much other data the database contains

The writer moves amounts between accounts, so the sum of all amounts never changes.
"""

import argparse
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from multiprocessing import Event, Process, Value
from pathlib import Path

ACCOUNTS, TIMES, SUM = 97 * 200, 50, "the sum is wrong"


def connect(file):
    connection = sqlite3.connect(file, timeout=20, isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;")
    return connection


def write(file, stop, committed):
    with closing(connect(file)) as database:
        number = 0
        while not stop.is_set():
            number += 1
            database.execute("BEGIN IMMEDIATE")
            database.execute("UPDATE account SET amount = amount - 1 WHERE id % 97 = ?", [number % 97])
            database.execute("UPDATE account SET amount = amount + 1 WHERE id % 97 = ?", [(number + 1) % 97])
            database.execute("INSERT INTO entry (id, note) VALUES (?, ?)", [number, "moved " * 50])
            database.execute("COMMIT")
            committed.value = number


def file_alone(source, target):
    shutil.copyfile(source, target)


def file_and_wal(source, target):
    for end in ("", "-wal"):
        shutil.copyfile(f"{source}{end}", f"{target}{end}")


def online_backup(source, target):
    with closing(connect(source)) as database, closing(sqlite3.connect(target)) as copy:
        database.backup(copy)


def look_at(copy, committed):
    """Return the number of rows that are missing from the copy, and a description of its damage."""
    try:
        with closing(sqlite3.connect(copy)) as database:
            found = database.execute("PRAGMA integrity_check").fetchone()[0]
            entries, total = database.execute(
                "SELECT (SELECT count(*) FROM entry), (SELECT sum(amount) FROM account)"
            ).fetchone()
    except sqlite3.DatabaseError as error:
        return 0, str(error)
    if found != "ok":
        return 0, "damaged"
    return max(committed - entries, 0), "" if total == ACCOUNTS * 100 else SUM


def measure(way, source, committed, folder):
    looks = []
    for number in range(TIMES):
        copy = folder / f"{way.__name__}-{number}"
        before = committed.value
        way(source, copy)
        looks.append(look_at(copy, before))
        for end in ("", "-wal", "-shm"):
            Path(f"{copy}{end}").unlink(missing_ok=True)
        time.sleep(0.05)
    lost = [rows for rows, wrong in looks if rows]
    wrong = [wrong for rows, wrong in looks if wrong]
    damaged = len(wrong) - wrong.count(SUM)
    print(
        f"{way.__name__:<14} {len(lost):2} lack committed rows, {damaged:2} are damaged, "
        f"{wrong.count(SUM)} have a wrong sum",
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("megabytes", type=int)
    megabytes = parser.parse_args().megabytes
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "db.sqlite3"
        with closing(connect(source)) as database:
            database.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, amount INTEGER, note TEXT)")
            database.execute("CREATE TABLE entry (id INTEGER PRIMARY KEY, note TEXT)")
            database.execute("CREATE TABLE photo (content BLOB)")
            database.execute("BEGIN")
            rows = ((each, "x" * 100) for each in range(ACCOUNTS))
            database.executemany("INSERT INTO account VALUES (?, 100, ?)", rows)
            database.executemany("INSERT INTO photo VALUES (zeroblob(?))", [[10_000]] * (100 * megabytes))
            database.execute("CREATE INDEX amounts ON account (amount)")
            database.execute("COMMIT")
        stop, committed = Event(), Value("i", 0)
        writer = Process(target=write, args=(source, stop, committed))
        writer.start()
        time.sleep(1)
        print(f"{TIMES} copies with each method:")
        for way in (file_alone, file_and_wal, online_backup):
            measure(way, source, committed, Path(name))
        stop.set()
        writer.join()
        print(f"{committed.value} transactions were committed during that time.")
