"""Backups of the database, with a list of the photos; and the way back."""

import hashlib
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone

DATABASE, MEDIA = "db.sqlite3", "media.sha256"
DAYS, WEEKS = 7, 4
NAME = "%Y-%m-%d-%H%M%S"


class BackupError(Exception):
    """A backup that cannot be made or used, in words."""


def back_up(now=None):
    """Make a backup beside the others and return its folder. It is there whole or not at all."""
    name = (now or timezone.now()).strftime(NAME)
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


def copy_database(target):
    """SQLite's online backup: one moment of the database, while others go on writing to it."""
    connection.ensure_connection()
    with closing(sqlite3.connect(target)) as copy:
        connection.connection.backup(copy)


def check(file):
    """Raise BackupError when the database in `file` is damaged."""
    try:
        with closing(sqlite3.connect(file)) as copy:
            found = copy.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise BackupError(f"{file} is damaged: {found}")


def media_list():
    """Each file of the photos with its checksum, in the form that sha256sum -c reads."""
    root = Path(settings.MEDIA_ROOT)
    files = sorted(file for file in root.rglob("*") if file.is_file())
    return "".join(f"{checksum(file)}  {file.relative_to(root)}\n" for file in files)


def checksum(file):
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
    for folder in removed:
        shutil.rmtree(folder)
    return removed


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
    connection.ensure_connection()
    # Page by page into the database itself, and not a file in its place: others may have it open.
    with closing(sqlite3.connect(source)) as backup:
        backup.backup(connection.connection)
    return changed_media((folder / MEDIA).read_text(encoding="utf-8"))


def changed_media(listed):
    root = Path(settings.MEDIA_ROOT)
    found = []
    for line in listed.splitlines():
        expected, name = line.split("  ", 1)
        if not (root / name).is_file() or checksum(root / name) != expected:
            found.append(name)
    return found
