"""Create the tables and remarks about the task queues."""

from collections.abc import Callable, Sequence

from benchmarks.section import Cell, Table
from benchmarks.task_queues.libraries import Library
from benchmarks.task_queues.loss import Loss
from benchmarks.task_queues.speed import Speed
from workshop.console import listed
from workshop.system.percentiles import percentile, spread

OURS = "Celery (prefork)"
RELIABLE = "reliable"
FACTS = {
    OURS: "By default, Celery acknowledges a task before the task runs, so a task that is running in a "
    "killed worker is lost. Messages that the worker had prefetched are redelivered after the visibility "
    "timeout of one hour "
    "(https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html). While a worker "
    "fetches a message from Redis, there is a moment when the message isn't in any list. If the worker dies "
    "at that moment, the message is lost, even with acks_late. The benchmark doesn't kill workers at such a "
    "moment. The explanation page about delivery says how often a message is lost this way.",
    "RQ": "RQ forks a process for each task, so a task shares no memory with other tasks and can't crash "
    "them (https://python-rq.org/docs/workers/). With an empty task, forking takes most of the time.",
    "django-tasks (SQLite)": "While the task table is empty, the worker of django-tasks polls it once a "
    "second. When the worker starts, it first waits up to a second, so that several workers don't poll at "
    "the same time. `db_worker` has options for both delays. A task that was running in a killed worker "
    "stays marked as running (https://github.com/RealOrangeOne/django-tasks/issues/46).",
    "Dramatiq": "Dramatiq aims for at-least-once delivery (https://dramatiq.io/guide.html). A worker counts "
    "as dead after a minute without a heartbeat. Only one in a thousand commands looks for dead workers and "
    "re-sends the messages that these workers had reserved (https://dramatiq.io/reference.html). So on a "
    "quiet queue, a message that a killed worker had reserved can wait much longer than a minute.",
    "Huey": "Huey's worker removes a task from the list before the task runs "
    "(https://huey.readthedocs.io/en/latest/consumer.html), and doesn't keep a second list of running tasks.",
}
"""Facts from the documentation of each library."""


SPEED_TABLES: dict[str, dict[str, Callable[[Speed], Cell]]] = {
    "Per second: median (range)": {
        "": lambda speed: speed.library.name,
        "empty tasks": lambda speed: spread(speed.empty, 0),
        "photos of 12 megapixels": lambda speed: spread(speed.photos, 1),
        "tasks sent": lambda speed: spread(speed.sent, 0),
    },
    "A single task on an idle worker, and the worker's startup": {
        "": lambda speed: speed.library.name,
        "starts, p50 ms": lambda speed: _milliseconds(speed.until_started, 50),
        "starts, p95 ms": lambda speed: _milliseconds(speed.until_started, 95),
        "result, p50 ms": lambda speed: _milliseconds(speed.until_result, 50),
        "result, p95 ms": lambda speed: _milliseconds(speed.until_result, 95),
        "first task after startup, s": lambda speed: spread(speed.startup, 2),
    },
    "Memory of all worker processes, MB": {
        "": lambda speed: speed.library.name,
        "idle": lambda speed: spread(speed.idle, 0),
        "peak with photos": lambda speed: spread(speed.busy, 0),
    },
}
"""The tables about speed and memory, by title. For each heading, a function returns a library's cell."""


def _milliseconds(seconds: Sequence[float], percent: float) -> str:
    return f"{percentile(seconds, percent) * 1000:.1f}"


def speed_tables(speeds: Sequence[Speed]) -> list[Table]:
    """Return the tables of tasks per second, times, and memory, with a row for each library."""
    return [Table.of(title, columns, speeds) for title, columns in SPEED_TABLES.items()]


def _whole(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.0f}"


def _counts(left: dict[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in left.items()) or "nothing"


def loss_table(losses: Sequence[Loss], seconds: float) -> Table:
    """Return a table that shows what happened to the tasks of each killed worker within `seconds` seconds."""
    columns: dict[str, Callable[[Loss], Cell]] = {
        "": lambda loss: f"{loss.library.name}: {RELIABLE if loss.reliable else 'default'}",
        f"unfinished after {seconds:.0f} s": lambda loss: f"{loss.unfinished} of {loss.sent}",
        "finished twice": lambda loss: loss.finished_twice,
        "started twice": lambda loss: loss.started_twice,
        "started again after, s": lambda loss: _whole(loss.started_again),
        "last one finished after, s": lambda loss: _whole(loss.last_finished),
        "left in the queue": lambda loss: _counts(loss.left),
    }
    return Table.of("The whole worker killed with kill -9 and restarted", columns, losses)


def remarks(libraries: Sequence[Library], versions: dict[str, str]) -> list[str]:
    """Return remarks about the reliable settings, the documentation of the libraries, and their versions.

    Args:
        libraries: The libraries that were measured.
        versions: The versions of all installed packages, by name.
    """
    users: dict[str, list[str]] = {}
    for library in libraries:
        if library.reliable_settings:
            users.setdefault(library.reliable_settings, []).append(library.name)
    settings = " ".join(
        f"{listed(names)} use{'s' if len(names) == 1 else ''} {settings}."
        for settings, names in users.items()
    )
    packages = list(dict.fromkeys(library.package for library in libraries))
    if "django-tasks-db" in packages:
        packages.append("django-tasks")
    packages += ["kombu", "django", "redis", "pillow"]
    names = [library.name for library in libraries]
    return [
        f"With the settings called “{RELIABLE}”, {settings} The other libraries have no such settings.",
        *(fact for name, fact in FACTS.items() if name in names),
        "Versions: " + ", ".join(f"{name} {versions[name]}" for name in packages) + ".",
    ]
