"""Find a project's pending migrations without starting Django."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from workshop.course.project import Project


def pending(project: Project) -> list[str]:
    """Return names such as "images.0002_sizes", in order. Without a database, all migrations are pending.

    Reads only the SQLite file. Includes the Django apps that are listed in the settings.
    """
    applied = _applied(project.data / "db.sqlite3")
    return [f"{app}.{name}" for app, name in _known(project.folder) if (app, name) not in applied]


def _known(folder: Path) -> list[tuple[str, str]]:
    import django

    folders = {file.parent.name: file for file in folder.glob("*/migrations")}
    for settings in (*folder.glob("*/settings.py"), *folder.glob("*/settings/**/*.py")):
        for label in re.findall(r"django\.contrib\.(\w+)", settings.read_text(encoding="utf-8")):
            folders.setdefault(label, Path(django.__file__).parent / "contrib" / label / "migrations")
    return [(app, file.stem) for app in sorted(folders) for file in sorted(folders[app].glob("[0-9]*.py"))]


def _applied(database: Path) -> set[tuple[str, str]]:
    if not database.is_file():
        return set()
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=2)) as connection:
            return set(connection.execute("SELECT app, name FROM django_migrations"))
    except sqlite3.Error:
        return set()
