"""A server that loads the libraries once and forks processes that use them. Each fork saves half a second.

The server reads nothing from a project. A forked process waits for a line on its standard input that says,
as JSON, what to run. `Fork.run` in `workshop.runtime.forked_process` writes this line. If the input is closed
without a line, the process exits.

    python -m workshop.runtime.fork_server ASKED DOOR LIBRARIES…

ASKED and DOOR are the file descriptors of two sockets that the server inherits.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time

from workshop.system import signals

LIBRARIES = {
    "pytest": (
        "pytest",
        "_pytest.assertion.rewrite",
        "_pytest.faulthandler",
        "_pytest.helpconfig",
        "_pytest.junitxml",
        "_pytest.pastebin",
        "_pytest.setuponly",
        "_pytest.setupplan",
        "_pytest.skipping",
        "_pytest.stepwise",
        "_pytest.threadexception",
        "_pytest.tracemalloc",
        "_pytest.unittest",
        "_pytest.unraisableexception",
        "_pytest.warnings",
        "django.core.management.commands.migrate",
        "django.test",
        "honcho.environ",
        "PIL.ImageCms",
        "PIL.ImageDraw",
        "PIL.ImageOps",
        "PIL.JpegImagePlugin",
        "PIL.PngImagePlugin",
        "PIL.TiffImagePlugin",
        "PIL.WebPImagePlugin",
        "psutil",
        "rich.console",
    ),
    "django": (
        "django.contrib.admin",
        "django.contrib.staticfiles.storage",
        "django.db.backends.sqlite3.base",
        "django.db.models.sql.compiler",
        "django.template.backends.django",
        "django.template.loaders.app_directories",
        "django.template.loaders.cached",
        "django.templatetags.cache",
        "django.templatetags.l10n",
        "django.templatetags.tz",
        "django.utils.translation.reloader",
        "django.views.decorators.http",
        "django.contrib.auth.hashers",
        "django.contrib.auth.password_validation",
        "django.contrib.contenttypes.checks",
        "django.contrib.staticfiles.finders",
        "django.contrib.sessions.middleware",
        "django.contrib.messages.middleware",
        "django.core.cache.backends.locmem",
        "django.core.management.commands.makemigrations",
        "django.middleware.clickjacking",
        "django.middleware.common",
        "django.middleware.security",
        "django.views.csrf",
        "django.views.defaults",
        "dj_database_url",
    ),
    "celery": (
        "celery.app.base",
        "celery.app.control",
        "celery.app.events",
        "celery.app.log",
        "celery.app.utils",
        "celery.backends.redis",
        "celery.bin.celery",
        "celery.apps.worker",
        "celery.contrib.django.task",
        "celery.schedules",
        "celery.worker.autoscale",
        "celery.worker.components",
        "celery.worker.consumer",
        "celery.worker.strategy",
        "celery.concurrency.prefork",
        "celery.fixups.django",
        "kombu.transport.redis",
    ),
}
"""The modules that every process imports. They don't read settings or environment variables on import."""


def main(asked: socket.socket, door: int, libraries: list[str]) -> None:
    """Load the libraries and fork processes. In a forked process, run the requested program.

    asked: the socket for requests. door: the descriptor of the socket to which forked processes send
    requests.
    """
    for name in libraries:
        for module in LIBRARIES[name]:
            importlib.import_module(module)
    sys.dont_write_bytecode = True  # cache the bytecode of libraries, but not of projects
    gc.collect()
    gc.freeze()  # garbage collection in a fork would copy all of this memory
    events = serve(asked)
    with open(0, "rb", closefd=False) as waiting:
        word = waiting.readline()
    if not word:
        return
    program = _become(json.loads(word), WORKSHOP_FORKS=str(door), WORKSHOP_EVENTS=str(events))
    {"pytest": checks, "celery": celery, "python": code}[program]()


def serve(asked: socket.socket) -> int | None:
    """Fork a process for each request on `asked`, until the owner exits.

    Returns only in the forked processes.

    Returns the file descriptor of the pipe for events, or None if the process has no such pipe.
    """
    woken, waker = os.pipe()
    for end in woken, waker:
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker)
    statuses: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([0, asked, woken], [], [])
        if 0 in ready:  # the owner never writes here, so it has exited
            sys.exit(0)
        if woken in ready:
            os.read(woken, 4096)
            _reap(statuses)
        if asked in ready:
            group, (waiting, output, status, *events), _, _ = socket.recv_fds(asked, 20, 4)
            pid = os.fork()
            if not pid:
                break
            with contextlib.suppress(OSError):  # the child has already done this
                os.setpgid(pid, int(group))
            for each in (waiting, output, *events):
                os.close(each)
            _say(status, pid)
            statuses[pid] = status
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setpgid(0, int(group))
    for number, each in enumerate((waiting, output, output)):
        os.dup2(each, number)
    for each in {waiting, output, status, woken, waker, *statuses.values()}:
        os.close(each)
    asked.close()
    return next(iter(events), None)


def _reap(statuses: dict[int, int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            signals.to_group(pid)  # if the process leads a group, kill the rest of the group
            _say(statuses[pid], os.waitstatus_to_exitcode(status))
            os.close(statuses.pop(pid))


def _say(status: int, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(status, b"%d\n" % number)


def _become(word: dict, **own: str) -> str:
    """Apply the folder, the environment and the arguments in `word`, and return the program's name."""
    os.environ.clear()
    os.environ.update(word["environment"] | own)
    time.tzset()
    os.chdir(word["folder"])
    places = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [place for place in places if place not in sys.path]
    importlib.invalidate_caches()  # files may have been written since the libraries were loaded
    sys.argv = [word["program"], *word["arguments"]]
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return word["program"]


def checks() -> None:
    """Run pytest."""
    import pytest

    sys.exit(pytest.main())


def celery() -> None:
    """Run Celery's own command line."""
    from celery.__main__ import main

    main()


def code() -> None:
    """Run the first argument, as `python -c` does."""
    source = sys.argv.pop(1)
    exec(compile(source, "<string>", "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]), sys.argv[3:])
