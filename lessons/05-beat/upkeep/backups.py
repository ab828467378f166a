"""Make backups of the database, each with a list of the photos' files, and restore them."""

import hashlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection
from django.utils import timezone

from . import postgres

MEDIA = "media.sha256"
"""The name of the file with the list of the photos' files."""
DAYS, WEEKS = 7, 4
"""How many daily and weekly backups are kept."""
NAME = "%Y-%m-%d-%H%M%S"
"""A backup is named after its time in UTC, because an hour of local time can come twice."""
PATIENCE = 20
"""For how many seconds restore() waits for a process that is writing to the database."""


class BackupError(Exception):
    """A backup that cannot be made or used. The message says why."""


def back_up(now: datetime | None = None) -> Path:
    """Make a backup and return its folder, which gets this name only when the backup is complete.

    now: the time in the backup's name (default: the current time).
    Raises BackupError, or PostgresError on a server.
    """
    partial = settings.BACKUP_DIR / f".{uuid4().hex}.partial"
    partial.mkdir(parents=True)
    # TODO 5.7: write everything to `partial`, check the copy with check(), and publish the folder last.
    # Remove `partial` if anything fails.
    target = publish(partial, now or timezone.now())
    copy_database(database_in(target))
    (target / MEDIA).write_text(media_list(), encoding="utf-8")
    return target


def publish(partial: Path, moment: datetime) -> Path:
    """Rename the folder to the name of a backup made at that moment, and return it under the new name.

    If another backup has that name, use the next second that is free.
    """
    while True:
        target = settings.BACKUP_DIR / moment.strftime(NAME)
        try:
            return partial.rename(target)
        except OSError:
            if not target.exists():
                raise
            moment += timedelta(seconds=1)


def on_a_server() -> bool:
    """Return True if the database is on a PostgreSQL server, False if it is an SQLite file."""
    return connection.vendor == "postgresql"


def database_in(folder: Path) -> Path:
    """The file with the database in the folder of a backup."""
    return folder / ("db.dump" if on_a_server() else "db.sqlite3")


def copy_database(target: Path) -> None:
    """Copy the database into the file `target`: one consistent moment, even while other processes write."""
    if on_a_server():
        return postgres.dump(target)
    # TODO 5.7: use SQLite's online backup instead: call the backup() method of connection.connection.
    shutil.copyfile(connection.settings_dict["NAME"], target)


def check(file: Path) -> None:
    """Raise BackupError, or PostgresError on a server, when the database in `file` is damaged."""
    if on_a_server():
        return postgres.check(file)
    try:
        with closing(sqlite3.connect(file)) as copy:
            found = copy.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise BackupError(f"{file} is damaged: {found}")


def media_folder() -> Path | None:
    """The folder of the photos; None if they are in a storage without paths, such as a bucket."""
    try:
        return Path(default_storage.path(""))
    except NotImplementedError:
        return None


def media_list() -> str:
    """The photos' files with their checksums, in the format of `sha256sum -c`.

    The checksum of a file that has not changed since the newest backup comes from there. A bucket's files are
    not listed, because that would download all of them. Use the bucket's versioning. Files whose names
    contain unprintable characters are not listed either. The site never creates such names.
    """
    root, lines = media_folder(), []
    if root is None:
        return ""
    known, since = newest_checksums()
    # Not rglob(): it fails when a folder disappears in the meantime.
    files = (Path(folder, name) for folder, _, names in os.walk(root) for name in names)
    for file in sorted(file for file in files if file.is_file()):
        name = str(file.relative_to(root))
        if not name.isprintable():
            continue
        with suppress(FileNotFoundError):  # a visitor has just deleted the photo
            # The operating system sets st_ctime at every change, also if a program sets st_mtime back.
            unchanged = name in known and file.stat().st_ctime < since
            lines.append(f"{known[name] if unchanged else checksum(file)}  {name}\n")
    return "".join(lines)


def newest_checksums() -> tuple[dict[str, str], float]:
    """The checksums in the newest backup, by file name, and a time just before it in seconds since 1970."""
    for folder in reversed(all_backups()):
        made = made_at(folder)
        if made and (folder / MEDIA).is_file():
            checksums = dict(reversed(line.split("  ", 1)) for line in read_list(folder))
            return checksums, made.replace(tzinfo=UTC).timestamp() - 60
    return {}, 0


def read_list(folder: Path) -> list[str]:
    """The lines of the list in the folder of a backup."""
    return (folder / MEDIA).read_text(encoding="utf-8").splitlines()


def checksum(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def all_backups() -> list[Path]:
    """The folders of the backups, oldest first."""
    if not settings.BACKUP_DIR.is_dir():
        return []
    return sorted(folder for folder in settings.BACKUP_DIR.iterdir() if made_at(folder))


def made_at(folder: Path) -> datetime | None:
    """The time in the name of a backup, in UTC; None if the folder is not a backup."""
    try:
        return datetime.strptime(folder.name, NAME)
    except ValueError:
        return None


def rotate() -> list[Path]:
    """Remove the backups that to_keep() does not name, and return their folders."""
    backups = all_backups()
    kept = to_keep({folder: made_at(folder) for folder in backups})
    removed = [folder for folder in backups if folder not in kept]
    for folder in removed + left_unfinished():
        shutil.rmtree(folder)
    return removed


def left_unfinished() -> list[Path]:
    """Folders of backups whose process was killed more than a day ago, before they were complete."""
    if not settings.BACKUP_DIR.is_dir():
        return []
    yesterday = (timezone.now() - timedelta(days=1)).timestamp()
    found = []
    for folder in settings.BACKUP_DIR.iterdir():
        with suppress(FileNotFoundError):  # a backup that was just completed has another name now
            if folder.is_dir() and not made_at(folder) and folder.stat().st_mtime < yesterday:
                found.append(folder)
    return found


def to_keep(times: dict[Path, datetime]) -> set[Path]:
    """The backups to keep: the newest of each of the last 7 days and 4 weeks that have one.

    times: the backups, each with the time at which it was made.
    """
    # TODO 5.7: return the newest backup from each of the last DAYS days and each of the last WEEKS weeks that
    # have a backup.
    return set(times)


def restore(folder: Path, previous: Path | None = None) -> list[str]:
    """Replace the database with the backup. Returns the photos' files that are missing or have changed since.

    previous: a backup of the current database. Rows that were written after it was made are added to it.
    Raises BackupError, or PostgresError on a server, when the backup is damaged or the database is in use.
    The message says whether anything was changed.
    """
    source = database_in(folder)
    if not source.is_file():
        raise BackupError(f"There is no {source}.")
    check(source)
    listed = read_list(folder)

    def save() -> None:
        # Visitors may have uploaded photos since `previous` was made. Now they cannot until all is done.
        if previous:
            copy_again(previous)

    if on_a_server():
        postgres.restore(source, save, PATIENCE)
    else:
        put_in_place(source, save)
    return changed_media(listed)


def copy_again(backup: Path) -> None:
    """Replace the database in the folder of a backup with a new copy of the current one.

    Raises BackupError if that fails, for example because the disk is full.
    """
    partial = database_in(backup).with_suffix(".partial")
    try:
        copy_database(partial)
        partial.replace(database_in(backup))
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"Nothing was changed: copying the current database failed: {error}") from error
    finally:
        partial.unlink(missing_ok=True)


def put_in_place(source: Path, save: Callable[[], None]) -> None:
    """Overwrite the current database with the one in the file `source`, in one transaction.

    save: called when the transaction has started, so that no other process can write any more.
    Raises BackupError if another process is writing for longer than PATIENCE.
    """
    try:
        connection.ensure_connection()
    except DatabaseError:  # the file is not a database any more
        put_aside()
        connection.ensure_connection()
    give_up, saved = time.monotonic() + PATIENCE, False

    def progress(status: int, remaining: int, total: int) -> None:
        nonlocal saved
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            if time.monotonic() > give_up:
                raise BackupError(
                    "Nothing was changed: another process is writing to the database. Try again."
                )
        elif not saved:
            saved = True
            save()

    # Copy into the existing file instead of replacing it, because other processes may have it open. SQLite
    # calls progress() after each page. From the first page on, other processes cannot write.
    current = connection.settings_dict["NAME"]
    try:
        with (
            closing(sqlite3.connect(source)) as new,
            closing(sqlite3.connect(current, timeout=PATIENCE)) as old,
        ):
            old.execute("PRAGMA journal_mode=WAL")  # in the other modes, save() could not read
            new.backup(old, pages=1, progress=progress)
    except sqlite3.Error as error:
        raise BackupError(f"Nothing was changed: {error}") from error


def put_aside() -> None:
    """Rename the files of the damaged database."""
    connection.close()
    name = Path(connection.settings_dict["NAME"])
    for file in name.parent.glob(f"{name.name}*"):
        if file.name.removeprefix(name.name) in ("", "-wal", "-shm"):
            file.rename(file.with_name(f"damaged-{timezone.now():{NAME}}-{file.name}"))


def changed_media(listed: list[str]) -> list[str]:
    """The names of the files in the lines of a media_list() that are missing or have changed since."""
    root, found = media_folder(), []
    if root is None:
        return []
    for line in listed:
        expected, name = line.split("  ", 1)
        if not (root / name).is_file() or checksum(root / name) != expected:
            found.append(name)
    return found
