"""Backups of the database, with a list of the photos; and the way back."""

import hashlib
import shutil
import sqlite3
from contextlib import closing, suppress
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from . import buckets, postgres

ON_A_SERVER = connection.vendor == "postgresql"
DATABASE, MEDIA = "db.dump" if ON_A_SERVER else "db.sqlite3", "media.sha256"
DAYS, WEEKS = 7, 4
NAME = "%Y-%m-%d-%H%M%S"
"""The name of a backup is its time, in UTC: no hour comes twice."""


class BackupError(Exception):
    """A backup that cannot be made or used, in words."""


def back_up(now=None):
    """Make a backup beside the others and return its folder. It is there whole or not at all."""
    name = free_name(now or timezone.now())
    target, growing = settings.BACKUP_DIR / name, settings.BACKUP_DIR / f".{name}.growing"
    shutil.rmtree(growing, ignore_errors=True)
    growing.mkdir(parents=True)
    try:
        copy_database(growing / DATABASE)
        check(growing / DATABASE)
        (growing / MEDIA).write_text(media_list(), encoding="utf-8")
        growing.rename(target)
    finally:
        shutil.rmtree(growing, ignore_errors=True)
    return target


def free_name(moment):
    """The name for a backup of that moment, or of the next second that has none yet."""
    while (settings.BACKUP_DIR / moment.strftime(NAME)).exists():
        moment += timedelta(seconds=1)
    return moment.strftime(NAME)


def copy_database(target):
    """SQLite's online backup: one moment of the database, while others go on writing to it."""
    if ON_A_SERVER:
        return postgres.dump(target)
    connection.ensure_connection()
    with closing(sqlite3.connect(target)) as copy:
        connection.connection.backup(copy)


def check(file):
    """Raise BackupError when the database in `file` is damaged."""
    if ON_A_SERVER:
        return postgres.check(file)
    try:
        with closing(sqlite3.connect(file)) as copy:
            found = copy.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise BackupError(f"{file} is damaged: {found}")


def media_list():
    """Each file of the photos with its checksum, in the form that sha256sum -c reads.

    Of a bucket nothing is listed: a checksum would fetch each photo. Let the bucket keep versions.
    """
    if buckets.USED:
        return ""
    root = Path(settings.MEDIA_ROOT)
    lines = []
    for file in sorted(file for file in root.rglob("*") if file.is_file()):
        with suppress(FileNotFoundError):  # a visitor has deleted the photo just now
            lines.append(f"{checksum(file)}  {file.relative_to(root)}\n")
    return "".join(lines)


def checksum(file):
    """The SHA-256 of a file, in hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def all_backups():
    """The folders of the backups, oldest first."""
    if not settings.BACKUP_DIR.is_dir():
        return []
    return sorted(folder for folder in settings.BACKUP_DIR.iterdir() if made_at(folder))


def made_at(folder):
    try:
        return datetime.strptime(folder.name, NAME)
    except ValueError:
        return None


def rotate():
    """Keep the newest of each of the last 7 days, and of each of the last 4 weeks. Returns the removed."""
    backups = all_backups()
    kept = to_keep({folder: made_at(folder) for folder in backups})
    removed = [folder for folder in backups if folder not in kept]
    for folder in removed + left_unfinished():
        shutil.rmtree(folder)
    return removed


def left_unfinished():
    """Folders of backups that were killed while they grew, more than a day ago."""
    if not settings.BACKUP_DIR.is_dir():
        return []
    yesterday = (timezone.now() - timedelta(days=1)).timestamp()
    folders = (folder for folder in settings.BACKUP_DIR.iterdir() if folder.is_dir() and not made_at(folder))
    return [folder for folder in folders if folder.stat().st_mtime < yesterday]


def to_keep(times):
    """Of backups with their times, those to keep. A day without a backup does not count."""
    newest_first = sorted(times, key=times.get, reverse=True)
    days, weeks = {}, {}
    for backup in newest_first:
        days.setdefault(times[backup].date(), backup)
        weeks.setdefault(times[backup].date() - timedelta(days=times[backup].weekday()), backup)
    return {*list(days.values())[:DAYS], *list(weeks.values())[:WEEKS]}


def restore(folder):
    """Put the backup in the place of the database. Returns the files of then that are missing or changed.

    Raises BackupError when it is damaged; then nothing was changed.
    """
    source = folder / DATABASE
    if not source.is_file():
        raise BackupError(f"There is no {source}.")
    check(source)
    if ON_A_SERVER:
        postgres.restore(source)
    else:
        put_in_place(source)
    return changed_media((folder / MEDIA).read_text(encoding="utf-8"))


def put_in_place(source):
    """Copy the database in the file `source` over the one that is there."""
    try:
        connection.ensure_connection()
    except DatabaseError:  # what is there is no database any more
        put_aside()
        connection.ensure_connection()
    # Page by page into the database itself, and not a file in its place: others may have it open.
    with closing(sqlite3.connect(source)) as backup:
        backup.backup(connection.connection)


def put_aside():
    """Give the files of the database another name."""
    connection.close()
    name = Path(settings.DATABASES["default"]["NAME"])
    for file in name.parent.glob(f"{name.name}*"):
        if file.name.removeprefix(name.name) in ("", "-wal", "-shm"):
            file.rename(file.with_name(f"damaged-{timezone.now():{NAME}}-{file.name}"))


def changed_media(listed):
    root = Path(settings.MEDIA_ROOT)
    found = []
    for line in listed.splitlines():
        expected, name = line.split("  ", 1)
        if not (root / name).is_file() or checksum(root / name) != expected:
            found.append(name)
    return found
