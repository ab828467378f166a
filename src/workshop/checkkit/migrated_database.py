"""Create a migrated SQLite database, or copy one that another process has created for the same project."""

import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from workshop.system import atomic_file

READ_BY_MIGRATE = (
    "*/settings.py",
    "*/settings/**/*.py",
    "*/models.py",
    "*/models/**/*.py",
    "*/apps.py",
    "*/migrations/*.py",
)
"""Patterns for the files that determine what `migrate` does. Settings and models can be packages."""


def create(database: Path, project: Path, templates: Path) -> None:
    """Create the migrated database, or copy it from `templates`.

    Args:
        database: The path of the database file, as set in the project's settings.
        project: The project's folder.
        templates: The folder that contains migrated databases to copy.
    """
    from django.core.management import call_command

    template = templates / f"{_hash(project)}.sqlite3"
    with atomic_file.locked(template.with_suffix(".lock")):  # another process may be migrating right now
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
    content = hashlib.sha256()
    for file in files:
        content.update(f"{file.relative_to(project)}\0".encode() + file.read_bytes() + b"\0")
    return content.hexdigest()
