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
from workshop.checkkit.worker import Code

pytestmark = pytest.mark.step("5.7")

FILE = "upkeep/backups.py"
SMALL = photos.jpeg(80, 60)
ROWS, GROUPS = 400, 20
MEGABYTES = 30
"""How much other data is between the first and the last rows: small copies are rarely damaged."""
MAKE = """
import sys
from pathlib import Path
import django
django.setup()
from django.conf import settings
settings.BACKUP_DIR = Path(sys.argv[1])
from upkeep import backups
for _ in range(int(sys.argv[2])):
    print(backups.back_up())
"""


@pytest.fixture
def folder(settings, tmp_path):
    """The folder of the backups, empty."""
    settings.BACKUP_DIR = tmp_path / "backups"
    return settings.BACKUP_DIR


@pytest.fixture
def sqlite_only():
    """For checks of how SQLite's online backup is used. On a PostgreSQL server pg_dump is used, which is given."""
    from django.db import connection

    if connection.vendor != "sqlite":
        pytest.skip("they look into a file of SQLite. Without DATABASE_URL they are run.")


@pytest.fixture
def copies(sqlite_only, folder):
    """copies(count) lets another process make `count` backups one after the other, and returns their databases."""

    def make(count):
        # Not in this process: one that opens a database file and closes it drops the locks that SQLite has on it.
        process = Code(Path.cwd())
        process.start(MAKE, str(folder), str(count))
        if process.wait():
            damaged = "is damaged:" in process.log
            complain(
                "the backup fails: while another process wrote, the copy became damaged."
                if damaged
                else "the backup fails.",
                "A file copy is not one moment, even with db.sqlite3-wal or after a checkpoint. Use backup() of SQLite's "
                "connection."
                if damaged
                else "",
                says=process.log.strip().splitlines()[-1],
                at=process.last_words,
                file=f"{FILE}, back_up()",
            )
        made = [Path(line, "db.sqlite3") for line in process.log.splitlines()[-count:]]
        for file in made:
            expect(
                file.is_file(),
                "back_up() returned a folder without a database. Copy the database into it with "
                "database_in().",
                found=f"{file.parent}: {', '.join(each.name for each in file.parent.glob('*')) or 'nothing'}",
                file=f"{FILE}, back_up()",
            )
        return made

    return make


@pytest.fixture
def writer(sqlite_only, settings):
    """A separate connection with a table. It writes the same number to all its rows, in one transaction."""
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
    """The different numbers in the rows of a copy, and what the integrity check says."""
    try:
        with contextlib.closing(sqlite3.connect(file)) as copy:
            says = copy.execute("PRAGMA integrity_check").fetchone()[0]
            found = copy.execute("SELECT number, count(*) FROM check_moment GROUP BY number").fetchall()
            return dict(found), says
    except sqlite3.DatabaseError as error:
        lacks = "no such table" in str(error)
        return {}, "the copy lacks a table that was committed before it" if lacks else str(error)


def test_newest_row(copies, writer):
    """The backup contains everything that was committed before it."""
    with writer:
        writer.execute("UPDATE check_moment SET number = 7")
    found, says = numbers(copies(1)[0])
    expect(
        found == {7: ROWS},
        "rows that were committed before the backup are not in it.",
        "In WAL mode the newest rows are in a second file, db.sqlite3-wal, until SQLite moves them. A "
        "copy of the first file is older. Use backup() of SQLite's connection.",
        expected=f"{ROWS} rows with the number 7",
        found=", ".join(f"{count} rows with {number}" for number, count in found.items()) or says,
        file=f"{FILE}, copy_database()",
    )


def test_one_moment(copies, writer):
    """While another process writes all the time, each backup is undamaged and shows one moment."""
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
        made = copies(4)
    finally:
        stop.set()
        thread.join()
    for copy in made:
        found, says = torn(copy)
        expect(
            says == "ok" and not found,
            "a backup that was made while another process wrote does not show one moment.",
            "While you read the file, the other process changes parts that you have read already. Use "
            "backup() of SQLite's connection.",
            integrity_check=says,
            found="\n".join(
                f"rows of one transaction: from write {low} and {high}" for low, high in found[:3]
            ),
            expected="the rows of a transaction are from one write",
            file=f"{FILE}, copy_database()",
        )


def torn(file):
    """The groups of rows that are from different writes, although one transaction writes a group; and damage."""
    question = "SELECT rowid % ?, min(number), max(number) FROM check_moment GROUP BY 1"
    try:
        with contextlib.closing(sqlite3.connect(file)) as copy:
            says = copy.execute("PRAGMA integrity_check").fetchone()[0]
            return [(low, high) for _, low, high in copy.execute(question, (GROUPS,)) if low != high], says
    except sqlite3.DatabaseError as error:
        return [], str(error)


def final(folder):
    """The folders that look like a finished backup."""
    from upkeep import backups

    names = folder.iterdir() if folder.is_dir() else []
    return [each for each in names if each.is_dir() and backups.made_at(each)]


WATCHED = []


def _audit(event, arguments):
    if WATCHED and event.partition(".")[0] in ("open", "os", "shutil", "sqlite3"):
        WATCHED[-1]()


sys.addaudithook(_audit)


def test_whole_or_not_at_all(folder, photo):
    """A folder with the name of a backup is complete at every moment."""
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
        "while the backup was made, there was a folder with its final name in which something was missing.",
        "If the machine loses power at this moment, the folder looks like a complete backup. Write "
        "everything into `partial`, and call publish() last.",
        expected=f"{backups.database_in(folder).name} and {backups.MEDIA}",
        found=f"with {seen[0]}" if seen else "",
        file=f"{FILE}, back_up()",
    )
    expect(
        made in final(folder)
        and {file.name for file in made.iterdir()} == {backups.database_in(folder).name, backups.MEDIA},
        "back_up() did not return the folder of the complete backup. Return what publish() returns.",
        found=made,
        file=f"{FILE}, back_up()",
    )
    left = [each.name for each in folder.iterdir() if each != made]
    expect(
        not left,
        "other files or folders are left beside the backup. Remove what is unfinished.",
        found=", ".join(left),
        file=f"{FILE}, back_up()",
    )


@pytest.mark.parametrize("failing", ["the disk is full", "the copy is damaged"])
def test_failing(folder, monkeypatch, failing):
    """A backup that fails leaves nothing that looks like a backup, and raises an exception."""
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
        "The copy was not checked. Call check(), which raises if the copy is damaged, before publish()."
        if failing == "the copy is damaged"
        else "The folder got its final name before everything was in it. Call publish() last.",
        found=", ".join(each.name for each in final(folder)),
        file=f"{FILE}, back_up()",
    )
    expect(
        raised,
        f"{failing}, but back_up() raised nothing. Let the exception leave back_up().",
        file=f"{FILE}, back_up()",
    )
    left = [each.name for each in folder.iterdir()] if folder.is_dir() else []
    expect(
        not left,
        f"{failing}, and the unfinished backup was not removed.",
        "A full disk gets fuller each night. Remove the folder `partial` in a finally.",
        found=", ".join(left),
        file=f"{FILE}, back_up()",
    )


BEGIN = datetime(2026, 1, 14, 3, 30)
ROTATIONS = {
    "one a day, over the end of a year": [BEGIN - timedelta(days=days) for days in range(60)],
    "three a day": [
        BEGIN + timedelta(hours=hours) - timedelta(days=days) for days in range(40) for hours in (0, 5, 9)
    ],
    "with a machine that was off for two weeks": [
        BEGIN - timedelta(days=days)
        for days in (0, 1, 15, 16, 17, 18, 19, 20, 21, 22, 23, 30, 31, 45, 60, 80)
    ],
    "over two ends of a year": [BEGIN - timedelta(days=days) for days in (*range(7), 364, 371, 378, 385)],
    "only two so far": [BEGIN, BEGIN - timedelta(days=1)],
}


def rotation(times, first_weekday):
    """Those of the times to keep, with weeks that begin on this day."""
    days, weeks = {}, {}
    for when in sorted(times, reverse=True):
        days.setdefault(when.date(), when)
        weeks.setdefault(when.date() - timedelta(days=(when.weekday() - first_weekday) % 7), when)
    return {*list(days.values())[:7], *list(weeks.values())[:4]}


@pytest.mark.parametrize("case", ROTATIONS)
def test_rotation(case):
    """The newest backup of each of 7 days is kept, and of each of 4 weeks."""
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
        f"with backups {case}, to_keep() did not return the newest of 7 days and of 4 weeks.",
        "Keep only the newest backup of a day, and count only days that have a backup. A week may "
        "continue into the next year.",
        missing=", ".join(f"{when:%a %Y-%m-%d %H:%M}" for when in gone[:6]) or "none",
        too_many=", ".join(f"{when:%a %Y-%m-%d %H:%M}" for when in too_many[:6]) or "none",
        kept=f"{len(found)} of {len(times)}, expected {len(right[0])}",
        file=f"{FILE}, to_keep()",
    )


def test_rotate(folder, photo):
    """rotate() removes the folders that are not to be kept, and nothing else."""
    from upkeep import backups

    for days in range(20):
        (folder / (BEGIN - timedelta(days=days)).strftime(backups.NAME)).mkdir(parents=True)
    (folder / "by hand").mkdir()
    removed = backups.rotate()
    expect(
        8 <= len(final(folder)) <= 10 and len(removed) == 20 - len(final(folder)),
        "rotate() did not keep the right number of the backups of 20 days.",
        expected="7 days and the weeks before them",
        found=f"{len(final(folder))} stay",
        file=f"{FILE}, to_keep()",
    )
    expect((folder / "by hand").is_dir(), "rotate() removed a folder that is not a backup.", file=FILE)


@pytest.fixture
def precious(sqlite_only, settings):
    """The database of the run, which is brought back after the check, whatever happens to it."""
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
    """The database is destroyed and restored from the backup, and has the same rows again. Lost photos are named."""
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
            "the backup cannot be restored.", restore_says=str(error), file=f"{FILE}, back_up()"
        ) from None
    after = list(UploadedImage.objects.order_by("pk").values())
    expect(
        after == before,
        f"the database was {disaster} and then restored, but its rows differ from those at the backup.",
        expected=f"{len(before)} photos as they were",
        found=f"{len(after)} photos",
        file=f"{FILE}, copy_database()",
    )
    says = capsys.readouterr().out
    named = [photo.image.name in says for photo in kept]
    expect(
        named == [True, True, False],
        "restore does not name the photos that are missing or changed, and only those.",
        expected=f"{kept[0].image.name}, {kept[1].image.name}",
        restore_says=says.strip(),
        file=f"{FILE}, back_up()",
    )


def test_restore_of_nothing(folder, photo):
    """A backup without a database is refused, and the current database stays, with a safety copy."""
    from images.models import UploadedImage
    from upkeep import backups

    photo(SMALL)
    (folder / "2026-03-01-193000").mkdir(parents=True)
    with pytest.raises(CommandError, match=rf"There is no .*{re.escape(backups.database_in(folder).name)}"):
        call_command("restore", "2026-03-01-193000", verbosity=0)
    expect(UploadedImage.objects.count() == 1, "a folder without a database was restored.", file=FILE)
    expect(len(backups.all_backups()) == 2, "restore made no safety copy of the current database.", file=FILE)
