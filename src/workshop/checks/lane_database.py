"""A migrated SQLite database for a lane, copied if another lane has already migrated the same project."""

import fcntl
import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

READ_BY_MIGRATE = (
    "*/settings.py",
    "*/settings/**/*.py",
    "*/models.py",
    "*/models/**/*.py",
    "*/apps.py",
    "*/migrations/*.py",
)
"""Files that determine what `migrate` does. Settings and models may be packages."""


def migrated(database: Path, project: Path, templates: Path) -> None:
    """Create the file `database`. templates: the folder with databases that can be copied."""
    from django.core.management import call_command

    template = templates / f"{_hash(project)}.sqlite3"
    with open(template.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another lane may be migrating right now
        if template.is_file():
            shutil.copyfile(template, database)
            return
        call_command("migrate", verbosity=0, interactive=False)
        fresh = template.with_suffix(".new")
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(fresh)) as target:
            source.backup(target)
        fresh.replace(template)


def _hash(project: Path) -> str:
    files = sorted(file for pattern in READ_BY_MIGRATE for file in project.glob(pattern))
    found = hashlib.sha256()
    for file in files:
        found.update(f"{file.relative_to(project)}\0".encode() + file.read_bytes() + b"\0")
    return found.hexdigest()
