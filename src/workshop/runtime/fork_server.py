"""A server that loads libraries once and forks processes that use them. Each fork saves half a second.

The server itself doesn't read any project files. A forked process waits for a line of JSON on its standard
input. This line, which `Fork.run` in `workshop.runtime.forked_process` writes, describes what to run. If
standard input is closed before the line arrives, the process exits.

    python -m workshop.runtime.fork_server REQUESTS SOCKET LIBRARIES…

REQUESTS and SOCKET are the file descriptors of the two ends of a socket pair. The server reads requests from
REQUESTS, and forked processes write their requests to SOCKET.
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
        "_pytest.tracemalloc",
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
"""The modules to load for each library.

Importing these modules doesn't read settings or environment variables.
"""


def main(requests: socket.socket, server_socket: int, libraries: list[str]) -> None:
    """Load the libraries and fork processes. In a forked process, run the requested program.

    Args:
        requests: The socket from which the server reads requests.
        server_socket: The file descriptor to which forked processes write their requests.
        libraries: The names of the libraries to load. Each name is a key of LIBRARIES.
    """
    plugins = importlib.import_module("_pytest.config").default_plugins
    modules = [f"_pytest.{plugin}" for plugin in plugins]
    modules += [module for library in libraries for module in LIBRARIES[library]]
    for module in modules:
        importlib.import_module(module)
    sys.dont_write_bytecode = True  # forks import projects later and must not write bytecode there
    gc.collect()
    gc.freeze()  # otherwise, garbage collection in a fork would copy all of this memory
    events = serve(requests)
    with open(0, "rb", closefd=False) as stdin:
        line = stdin.readline()
    if not line:
        return
    options = json.loads(line)
    _apply(options, WORKSHOP_FORKS=str(server_socket), WORKSHOP_EVENTS=str(events))
    {"pytest": run_pytest, "celery": run_celery, "python": run_code}[options["program"]]()


def serve(requests: socket.socket) -> int | None:
    """Fork a process for each request, until the owner (the process that started the server) exits.

    Returns:
        The file descriptor to which the forked process can write events, or None if there is no such file
        descriptor. This function returns only in forked processes.
    """
    child_exited, wakeup = os.pipe()
    for end in child_exited, wakeup:
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakeup)
    statuses: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([0, requests, child_exited], [], [])
        if 0 in ready:  # the owner never writes to this input, so the owner has exited
            sys.exit(0)
        if child_exited in ready:
            os.read(child_exited, 4096)
            _reap(statuses)
        if requests in ready:
            group, (stdin, output, status, *events), _, _ = socket.recv_fds(requests, 20, 4)
            pid = os.fork()
            if not pid:
                break
            with contextlib.suppress(OSError):  # the child has already joined the group
                os.setpgid(pid, int(group))
            for file in (stdin, output, *events):
                os.close(file)
            _send(status, pid)
            statuses[pid] = status
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setpgid(0, int(group))
    for number, file in enumerate((stdin, output, output)):
        os.dup2(file, number)
    for file in {stdin, output, status, child_exited, wakeup, *statuses.values()}:
        os.close(file)
    requests.close()
    return next(iter(events), None)


def _reap(statuses: dict[int, int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while (exited := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = exited
            signals.to_group(pid)  # if the process leads a group, kill the rest of the group
            _send(statuses[pid], os.waitstatus_to_exitcode(status))
            os.close(statuses.pop(pid))


def _send(status: int, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(status, b"%d\n" % number)


def _apply(options: dict, **variables: str) -> None:
    """Set up this process as if the program had been started with the options from `Fork.run`."""
    os.environ.clear()
    os.environ.update(options["environment"] | variables)
    time.tzset()
    os.chdir(options["folder"])
    folders = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [folder for folder in folders if folder not in sys.path]
    importlib.invalidate_caches()  # files may have been created since the libraries were loaded
    sys.argv = [options["program"], *options["arguments"]]
    devnull = os.open(os.devnull, os.O_RDONLY)
    os.dup2(devnull, 0)
    os.close(devnull)


def run_pytest() -> None:
    """Run pytest."""
    import pytest

    sys.exit(pytest.main())


def run_celery() -> None:
    """Run Celery's command-line program."""
    from celery.__main__ import main

    main()


def run_code() -> None:
    """Run the code in the first argument, as `python -c` does."""
    source = sys.argv.pop(1)
    exec(compile(source, "<string>", "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]), sys.argv[3:])
