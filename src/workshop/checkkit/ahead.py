"""A process that is started before it is needed: it loads libraries, and waits for the word to go on.

Until then it reads nothing of the project. The word is a line on its standard input: environment variables,
as JSON. When the input ends without it, whoever started the process is gone, and it ends, too.

    python -m workshop.checkkit.ahead pytest …    the checks; WORKSHOP_WORKER says whether with a worker
    python -m workshop.checkkit.ahead celery …    Celery's own command line
"""

import importlib
import json
import os
import select
import sys

LIBRARIES = {
    "pytest": (
        "pytest",
        "_pytest.assertion.rewrite",
        "_pytest.unittest",
        "django.core.management.commands.migrate",
        "django.test",
        "PIL.ImageDraw",
        "PIL.ImageOps",
    ),
    "django": (
        "django.contrib.admin",
        "django.contrib.staticfiles.storage",
        "django.db.backends.sqlite3.base",
        "django.template.backends.django",
    ),
    "celery": (
        "celery.app.base",
        "celery.app.control",
        "celery.app.utils",
        "celery.backends.redis",
        "celery.fixups.django",
        "kombu.transport.redis",
    ),
    "worker": (
        "celery.bin.celery",
        "celery.apps.worker",
        "celery.worker.consumer",
        "celery.concurrency.prefork",
    ),
}
"""What the processes import in any case. None of it reads settings or variables while it is imported."""


def main(program: str, arguments: list[str]) -> None:
    """Load, wait, and become `program`."""
    sys.argv = [program, *arguments]
    (checks if program == "pytest" else worker)()


def checks() -> None:
    from .worker import WORKER

    wanted = os.environ["WORKSHOP_WORKER"]
    if wanted == "yes":
        WORKER.prepare()
    load("pytest", "django", *(["celery"] if wanted else []))
    if wanted and not WORKER.running and not word_is_there():
        WORKER.prepare()  # there is time, and one of the checks may need it
    wait()
    if wanted == "yes":
        WORKER.start()  # it comes up while this process loads the project and finds the checks
    import pytest

    sys.exit(pytest.main())


def worker() -> None:
    load("celery", "worker", "django")
    wait()
    from celery.__main__ import main

    main()


def load(*names: str) -> None:
    for name in names:
        for module in LIBRARIES[name]:
            importlib.import_module(module)


def word_is_there() -> bool:
    return bool(select.select([0], [], [], 0)[0])


def wait() -> None:
    """Return once the word has come, with the variables that it brings in the environment."""
    word = sys.stdin.readline()
    if not word:
        sys.exit(0)
    os.environ.update(json.loads(word))
    importlib.invalidate_caches()  # files have been written meanwhile
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
