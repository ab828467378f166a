"""A backup restored into a folder, while the project keeps running on its own data."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from .project import Opened

LINES = 5
"""How many lines of the command's output are shown."""


def restore_into(folder: Path, project: Opened, backup: Path) -> None:
    """Run `manage.py restore` with `DATA_DIR` set to `folder`. Print its output, and count the restored rows.

    Only with SQLite: on PostgreSQL, `restore` would replace the database of the running site.
    """
    from django.db import connection
    from images.models import UploadedImage

    if connection.vendor != "sqlite":
        print("Skipped: the database is PostgreSQL, and restore would replace the one of the running site.")
        return
    run = subprocess.run(
        [sys.executable, "manage.py", "restore", backup.name],
        cwd=project.folder,
        env=os.environ | {"DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
    )
    print("\n".join((run.stdout + run.stderr).replace(str(folder), "…").splitlines()[:LINES]))
    if run.returncode == 0:
        with closing(sqlite3.connect(folder / "db.sqlite3")) as database:
            count = database.execute("SELECT count(*) FROM images_uploadedimage").fetchone()[0]
        print(f"photos in the restored database: {count}, in yours: {UploadedImage.objects.count()}")
