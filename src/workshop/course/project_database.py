"""Read a project's SQLite database without starting Django."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from workshop.course.project import Project


def pending_migrations(project: Project) -> list[str]:
    """Return the pending migrations in order, such as "images.0002_sizes".

    If there is no database, all migrations are pending. The list includes the migrations of Django's own apps
    if these apps are in the settings.
    """
    applied = set(_select(project, "SELECT app, name FROM django_migrations"))
    return [f"{app}.{name}" for app, name in _migration_files(project.folder) if (app, name) not in applied]


def photo_counts(project: Project) -> str:
    """Return a summary such as "2 photos, 0 waiting", or "" if the database cannot be read."""
    waiting = "count(*) FILTER (WHERE NOT is_processed AND failure_reason = '')"
    rows = _select(project, f"SELECT count(*), {waiting} FROM images_uploadedimage")
    return f"{rows[0][0]} photos, {rows[0][1]} waiting" if rows else ""


def _select(project: Project, query: str) -> list[tuple]:
    """Return the rows that `query` selects, or an empty list if the database cannot be read."""
    file = project.data / "db.sqlite3"
    if not file.is_file():
        return []
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=2)) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.Error:
        return []


def _migration_files(folder: Path) -> list[tuple[str, str]]:
    import django

    folders = {file.parent.name: file for file in folder.glob("*/migrations")}
    for settings in (*folder.glob("*/settings.py"), *folder.glob("*/settings/**/*.py")):
        for label in re.findall(
            r"django\.contrib\.(\w+)", settings.read_text(encoding="utf-8", errors="replace")
        ):
            folders.setdefault(label, Path(django.__file__).parent / "contrib" / label / "migrations")
    return [(app, file.stem) for app in sorted(folders) for file in sorted(folders[app].glob("[0-9]*.py"))]
