import contextlib
import re
import sqlite3
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from workshop.checkkit import Complaint, complain, expect, photos, until
from workshop.checkkit.process import start_python

pytestmark = pytest.mark.step("5.7")

FILE = "upkeep/backups.py"
SMALL = photos.jpeg(80, 60)
ROWS, GROUPS = 400, 20
MEGABYTES = 30
"""The size of the data between the first and the last rows. Copies of small files are rarely damaged."""
MAKE = """
import os, sys
from pathlib import Path
import django
django.setup()
from django.conf import settings
settings.BACKUP_DIR = Path(sys.argv[1])
database, opened = Path(settings.DATABASES["default"]["NAME"]), set()
def opens(event, arguments):  # SQLite's own reading doesn't call it
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        opened.add(os.fsdecode(arguments[0]))
sys.addaudithook(opens)
from upkeep import backups
for _ in range(int(sys.argv[2])):
    print(backups.back_up())
if str(database) in opened:
    Path(sys.argv[1], "opened").touch()
"""


@pytest.fixture
def folder(settings, tmp_path):
    """An empty folder for backups."""
    settings.BACKUP_DIR = tmp_path / "backups"
    return settings.BACKUP_DIR


@pytest.fixture
def sqlite_only():
    """Skip a check of SQLite's online backup if the project uses PostgreSQL, where the given code calls pg_dump."""
    from django.db import connection

    if connection.vendor != "sqlite":
        pytest.skip("this check reads an SQLite file, so it runs only without DATABASE_URL.")


@pytest.fixture
def copies(sqlite_only, folder):
    """copies(count) has another process make `count` backups one after another, and returns their databases."""

    def make(count):
        # Not in this process: one that opens a database file and closes it drops the locks that SQLite has on it.
        process = start_python(MAKE, str(folder), str(count))
        if process.wait():
            says = process.log.strip().splitlines()[-1]
            expect(
                "unable to open database file" not in says,
                "the backup failed because check() could not open the file that you passed to it.",
                "check() takes the path of the copied database, not the folder. Pass the same path to "
                "copy_database() and to check(): database_in(partial).",
                says=says,
                at=process.last_error,
                file=f"{FILE}, back_up()",
            )
            damaged = "is damaged:" in process.log
            complain(
                "the backup failed because the copy was damaged: another process was writing at the same time."
                if damaged
                else "the backup failed.",
                "A file copy is not a consistent snapshot, even with db.sqlite3-wal or after a checkpoint. Call the sqlite3 "
                "connection's backup() method."
                if damaged
                else "",
                says=says,
                at=process.last_error,
                file=f"{FILE}, back_up()",
            )
        printed = process.log.splitlines()[-count:]
        expect(
            "None" not in printed,
            "back_up() returned None instead of the folder with the backup.",
            "Return what publish() returns. If you catch an exception to remove `partial`, raise it again. Otherwise, "
            "back_up() hides why the backup failed.",
            file=f"{FILE}, back_up()",
        )
        made = [Path(line, "db.sqlite3") for line in printed]
        for file in made:
            expect(
                file.is_file(),
                "back_up() returned a folder without a database. Copy the database to the path that "
                "database_in() returns.",
                found=f"{file.parent}: {', '.join(each.name for each in file.parent.glob('*')) or 'nothing'}",
                file=f"{FILE}, back_up()",
            )
        return made

    return make


@pytest.fixture
def writer(sqlite_only, settings):
    """A separate connection to the database, with a new table that contains the number 0 in every row."""
    name = settings.DATABASES["default"]["NAME"]
    with contextlib.closing(sqlite3.connect(name, timeout=20, check_same_thread=False)) as connection:
        with connection:
            connection.execute("DROP TABLE IF EXISTS check_moment")
            connection.execute("CREATE TABLE check_moment (number INTEGER, filling TEXT)")
            half = [("x" * 900,)] * (ROWS // 2)
            connection.executemany("INSERT INTO check_moment VALUES (0, ?)", half)
            connection.execute("DROP TABLE IF EXISTS check_size")
            connection.execute("CREATE TABLE check_size (content BLOB)")
            connection.executemany(
                "INSERT INTO check_size VALUES (zeroblob(?))", [(100_000,)] * (10 * MEGABYTES)
            )
            connection.executemany("INSERT INTO check_moment VALUES (0, ?)", half)
        yield connection
        with connection:
            connection.execute("DROP TABLE check_moment")
            connection.execute("DROP TABLE check_size")
        connection.execute("VACUUM")


def numbers(file):
    """Return how often each number occurs in the rows of a copy, and the result of the integrity check."""
    try:
        with contextlib.closing(sqlite3.connect(file)) as copy:
            says = copy.execute("PRAGMA integrity_check").fetchone()[0]
            found = copy.execute("SELECT number, count(*) FROM check_moment GROUP BY number").fetchall()
            return dict(found), says
    except sqlite3.DatabaseError as error:
        lacks = "no such table" in str(error)
        return {}, "the copy lacks a table that was committed before the copy started" if lacks else str(
            error
        )


def test_newest_row(copies, writer):
    """A backup contains everything that was committed before it started."""
    with writer:
        writer.execute("UPDATE check_moment SET number = 7")
    found, says = numbers(copies(1)[0])
    expect(
        found == {7: ROWS},
        "the backup lacks rows that were committed before it started.",
        "In WAL mode, the newest rows are in a second file, db.sqlite3-wal, until SQLite moves them, so a "
        "copy of the first file is out of date. Call the sqlite3 connection's backup() method.",
        expected=f"{ROWS} rows with the number 7",
        found=", ".join(f"{count} rows with {number}" for number, count in found.items()) or says,
        file=f"{FILE}, copy_database()",
    )


def test_one_moment(copies, writer, folder):
    """Even if another process keeps writing, each backup is an undamaged, consistent snapshot."""
    stop, written = threading.Event(), []
    writer.execute("PRAGMA wal_autocheckpoint = 50")  # pages: SQLite moves the log into the file all the time

    def write():
        number = 0
        while not stop.is_set():
            number += 1
            with writer:
                writer.execute(
                    "UPDATE check_moment SET number = ? WHERE rowid % ? = ?",
                    (number, GROUPS, number % GROUPS),
                )
            written.append(number)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        until(lambda: len(written) > 3)
        made = copies(8)
    finally:
        stop.set()
        thread.join()
    for copy in made:
        found, says = torn(copy)
        expect(
            says == "ok" and not found,
            "a backup that was made while another process was writing is not a consistent snapshot.",
            "While you copy the file, the other process changes parts that you have already copied. Call the "
            "sqlite3 connection's backup() method.",
            integrity_check=says,
            found="\n".join(
                f"the rows of one transaction come from write {low} and write {high}"
                for low, high in found[:3]
            ),
            expected="all rows of a transaction come from the same write",
            file=f"{FILE}, copy_database()",
        )
    expect(
        not (folder / "opened").exists(),
        "back_up() opened the database like an ordinary file.",
        "If another process writes while you copy the file, the copy is not a consistent snapshot. And when your process "
        "closes the file, SQLite loses the locks that the process holds on it. Call the sqlite3 connection's backup() method.",
        file=f"{FILE}, copy_database()",
    )


def torn(file):
    """Return the groups whose rows come from different transactions, and the result of the integrity check."""
    question = "SELECT rowid % ?, min(number), max(number) FROM check_moment GROUP BY 1"
    try:
        with contextlib.closing(sqlite3.connect(file)) as copy:
            says = copy.execute("PRAGMA integrity_check").fetchone()[0]
            return [(low, high) for _, low, high in copy.execute(question, (GROUPS,)) if low != high], says
    except sqlite3.DatabaseError as error:
        return [], str(error)


def final(folder):
    """Return the folders that look like finished backups."""
    from upkeep import backups

    names = folder.iterdir() if folder.is_dir() else []
    return [each for each in names if each.is_dir() and backups.made_at(each)]


WATCHED = []


def _audit(event, arguments):
    if WATCHED and event.partition(".")[0] in ("open", "os", "shutil", "sqlite3"):
        WATCHED[-1]()


sys.addaudithook(_audit)


def test_whole_or_not_at_all(folder, photo):
    """A folder that has a backup's final name is complete at all times."""
    from upkeep import backups

    photo(SMALL)
    seen, busy = [], []

    def look():
        if busy:
            return
        busy.append(True)
        try:
            for each in final(folder):
                names = {file.name for file in each.iterdir() if file.stat().st_size}
                if names != {backups.database_in(folder).name, backups.MEDIA}:
                    seen.append(", ".join(sorted(names)) or "nothing")
        finally:
            busy.clear()

    WATCHED.append(look)
    try:
        made = backups.back_up()
    finally:
        WATCHED.clear()
    expect(
        not seen,
        "during the backup, a folder already had its final name, but files were missing from it.",
        "If the machine loses power at this moment, the folder looks like a complete backup. Write "
        "everything to `partial`, and call publish() last.",
        expected=f"{backups.database_in(folder).name} and {backups.MEDIA}",
        found=f"a folder with {seen[0]}" if seen else "",
        file=f"{FILE}, back_up()",
    )
    expect(
        made in final(folder)
        and {file.name for file in made.iterdir()} == {backups.database_in(folder).name, backups.MEDIA},
        "back_up() did not return the folder with the complete backup. Return the path that publish() returns.",
        found=f"{made}: {', '.join(sorted(each.name for each in made.iterdir()))}"
        if made and made.is_dir()
        else made,
        file=f"{FILE}, back_up()",
    )
    left = [each.name for each in folder.iterdir() if each != made]
    expect(
        not left,
        "back_up() left extra files or folders next to the backup. Remove unfinished backups.",
        found=", ".join(left),
        file=f"{FILE}, back_up()",
    )


@pytest.mark.parametrize("failing", ["the disk is full", "the copy is damaged"])
def test_failing(folder, monkeypatch, failing):
    """If a backup fails, back_up() raises an exception, and nothing is left that looks like a backup."""
    from upkeep import backups

    def full():
        raise OSError(28, "No space left on device")

    def damaged(target):
        Path(target).write_bytes(b"SQLite format 3\0" + b"\xff" * 4000)

    if failing == "the disk is full":
        monkeypatch.setattr(backups, "media_list", full)
    else:
        monkeypatch.setattr(backups, "copy_database", damaged)
    raised = None
    try:
        backups.back_up()
    except (OSError, backups.BackupError) as error:
        raised = error
    expect(
        not final(folder),
        f"{failing}, but there is a folder that looks like a backup.",
        "The copy was not checked. Before publish(), call check(), which raises an exception if the copy is damaged."
        if failing == "the copy is damaged"
        else "The folder got its final name before the backup was complete. Call publish() last.",
        found=", ".join(each.name for each in final(folder)),
        file=f"{FILE}, back_up()",
    )
    expect(
        raised,
        f"{failing}, but back_up() did not raise an exception.",
        "If you catch the exception to remove `partial`, raise it again, or use finally instead of except. "
        "Otherwise, the task succeeds although there is no backup.",
        file=f"{FILE}, back_up()",
    )
    left = [each.name for each in folder.iterdir()] if folder.is_dir() else []
    expect(
        not left,
        f"{failing}, but the unfinished backup was not removed.",
        "Each night, another unfinished backup fills up the disk. Remove the `partial` folder in a finally "
        "block.",
        found=", ".join(left),
        file=f"{FILE}, back_up()",
    )


BEGIN = datetime(2026, 1, 14, 3, 30)
ROTATIONS = {
    "daily backups that span two years": [BEGIN - timedelta(days=days) for days in range(60)],
    "three backups per day": [
        BEGIN + timedelta(hours=hours) - timedelta(days=days) for days in range(40) for hours in (0, 5, 9)
    ],
    "backups from a machine that was off for two weeks": [
        BEGIN - timedelta(days=days)
        for days in (0, 1, 15, 16, 17, 18, 19, 20, 21, 22, 23, 30, 31, 45, 60, 80)
    ],
    "backups across the ends of two years": [
        BEGIN - timedelta(days=days) for days in (*range(7), 364, 371, 378, 385)
    ],
    "only two backups": [BEGIN, BEGIN - timedelta(days=1)],
}


def rotation(times, first_weekday):
    """Return the times to keep if weeks start on this weekday."""
    days, weeks = {}, {}
    for when in sorted(times, reverse=True):
        days.setdefault(when.date(), when)
        weeks.setdefault(when.date() - timedelta(days=(when.weekday() - first_weekday) % 7), when)
    return {*list(days.values())[:7], *list(weeks.values())[:4]}


@pytest.mark.parametrize("case", ROTATIONS)
def test_rotation(case):
    """The newest backup from each of the last 7 days and each of the last 4 weeks is kept."""
    from upkeep import backups

    times = ROTATIONS[case]
    kept = backups.to_keep({f"backup {when}": when for when in times})
    found = {when for when in times if f"backup {when}" in set(kept)}
    right = [rotation(times, first) for first in range(7)]
    if found in right:
        return
    gone = sorted(right[0] - found, reverse=True)
    too_many = sorted(found - right[0], reverse=True)
    expect(
        False,
        f"with {case}, to_keep() did not return the newest backup from each of 7 days and 4 weeks.",
        "Keep only the newest backup from each day, and count only days that have a backup. A week may "
        "start in one year and end in the next.",
        missing=", ".join(f"{when:%a %Y-%m-%d %H:%M}" for when in gone[:6]) or "none",
        too_many=", ".join(f"{when:%a %Y-%m-%d %H:%M}" for when in too_many[:6]) or "none",
        kept=f"{len(found)} of {len(times)}, expected {len(right[0])}",
        file=f"{FILE}, to_keep()",
    )


def test_rotate(folder, photo):
    """rotate() removes the old backups, and nothing else."""
    from upkeep import backups

    for days in range(20):
        (folder / (BEGIN - timedelta(days=days)).strftime(backups.NAME)).mkdir(parents=True)
    (folder / "by hand").mkdir()
    removed = backups.rotate()
    expect(
        8 <= len(final(folder)) <= 10 and len(removed) == 20 - len(final(folder)),
        "there was one backup for each of 20 days, but rotate() kept the wrong number of them.",
        expected="the newest backup from each of 7 days and 4 weeks",
        found=f"{len(final(folder))} backups were kept",
        file=f"{FILE}, to_keep()",
    )
    expect((folder / "by hand").is_dir(), "rotate() removed a folder that is not a backup.", file=FILE)


@pytest.fixture
def precious(sqlite_only, settings):
    """The path of this run's database. After the check, the database is always restored."""
    from django.db import connection

    name = Path(settings.DATABASES["default"]["NAME"])
    safe = name.with_name("safe.sqlite3")

    def copy(source, target):
        with (
            contextlib.closing(sqlite3.connect(source)) as one,
            contextlib.closing(sqlite3.connect(target)) as other,
        ):
            one.backup(other)

    copy(name, safe)
    yield name
    connection.close()
    destroy(name)
    copy(safe, name)
    safe.unlink()
    for file in name.parent.glob("damaged-*"):
        file.unlink()


def destroy(name, content=None):
    for suffix in ("", "-wal", "-shm"):
        Path(f"{name}{suffix}").unlink(missing_ok=True)
    if content is not None:
        name.write_bytes(content)


@pytest.mark.parametrize("disaster", ["gone", "overwritten"])
def test_restore(folder, precious, photo, disaster, capsys):
    """A restore brings back the rows of a destroyed database, and lists the lost photos."""
    from django.db import connection
    from images.models import UploadedImage
    from upkeep import backups

    kept = [photo(SMALL, f"garden-{number}.jpg") for number in range(3)]
    before = list(UploadedImage.objects.order_by("pk").values())
    made = backups.back_up()
    Path(kept[0].image.path).write_bytes(b"somebody else's")
    Path(kept[1].image.path).unlink()
    connection.close()
    destroy(precious, None if disaster == "gone" else b"this is no database\n" * 500)
    try:
        call_command("restore", made.name)
    except CommandError as error:
        raise Complaint(
            "the backup could not be restored.", restore_says=str(error), file=f"{FILE}, back_up()"
        ) from None
    after = list(UploadedImage.objects.order_by("pk").values())
    expect(
        after == before,
        f"the database was {disaster} and then restored, but its rows differ from the rows in the backup.",
        expected=f"{len(before)} photos, unchanged",
        found=f"{len(after)} photos",
        file=f"{FILE}, copy_database()",
    )
    says = capsys.readouterr().out
    named = [photo.image.name in says for photo in kept]
    expect(
        named == [True, True, False],
        "restore did not list exactly the photos that are missing or changed.",
        expected=f"{kept[0].image.name}, {kept[1].image.name}",
        restore_says=says.strip(),
        file=f"{FILE}, back_up()",
    )


def test_restore_of_nothing(folder, photo):
    """restore refuses a backup without a database, and leaves the current database alone."""
    from images.models import UploadedImage
    from upkeep import backups

    photo(SMALL)
    (folder / "2026-03-01-193000").mkdir(parents=True)
    with pytest.raises(CommandError, match=rf"There is no .*{re.escape(backups.database_in(folder).name)}"):
        call_command("restore", "2026-03-01-193000", verbosity=0)
    expect(
        UploadedImage.objects.count() == 1, "restore accepted a backup folder without a database.", file=FILE
    )
    expect(
        len(backups.all_backups()) == 2,
        "restore did not make a safety copy of the current database.",
        file=FILE,
    )
