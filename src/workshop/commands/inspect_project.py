"""Print a project's migrations, result backend and workers as JSON. `./workshop doctor` runs this module.

The module runs in a separate process in the project's folder (`python -m workshop.commands.inspect_project`),
because the project's settings and tasks can be imported only there.
"""

import contextlib
import json
import os
import sys

MARK = "FOUND"
"""The text at the start of the line that contains the JSON. The project's code may print other lines."""
ASK_WORKERS = "ask-workers"
"""The command-line argument that adds the workers to the output.

The broker is used only if this argument is given.
"""


def inspect(ask_workers: bool) -> dict:
    """Import the project's URLs and tasks, and return its state.

    Returns:
        "pending": The pending migrations of the database at DATABASE_URL, if this variable is set.
        "database": The reason why the database at DATABASE_URL cannot be used, if there is a problem.
        "backend": The result backend, "disabled", or None if the project has no Celery app.
        "workers": The PID of each worker, by worker name.
    """
    from django.urls import get_resolver

    _ = get_resolver().url_patterns  # imports urls.py and the views
    return {**_inspect_database(), **_inspect_celery(ask_workers)}


def _inspect_database() -> dict:
    from django.db import DatabaseError, connection
    from django.db.migrations.executor import MigrationExecutor

    if not os.environ.get("DATABASE_URL"):
        return {}
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        return {"pending": [str(migration) for migration, _ in plan]}
    except DatabaseError as error:
        return {"database": str(error).partition("\n")[0]}


def _inspect_celery(ask_workers: bool) -> dict:
    from celery.app.utils import find_app
    from kombu.exceptions import OperationalError

    try:
        app = find_app("myproject")
    except (AttributeError, ImportError):
        return {"backend": None, "workers": {}}
    app.loader.import_default_modules()
    stats = {}
    if ask_workers:
        inspect = app.control.inspect
        with contextlib.suppress(OperationalError):  # the broker may have just stopped
            # A worker that has just started takes longer to respond.
            stats = inspect(timeout=1).stats() or inspect(timeout=3).stats() or {}
    workers = {name: worker["pid"] for name, worker in stats.items()}
    return {"backend": app.conf.result_backend or "disabled", "workers": workers}


if __name__ == "__main__":
    import django

    django.setup()
    print(MARK + json.dumps(inspect(ASK_WORKERS in sys.argv)))
