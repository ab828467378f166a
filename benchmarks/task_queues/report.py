"""Tables and remarks about the task queues."""

from collections.abc import Collection

from benchmarks.section import Table
from benchmarks.task_queues.libraries import LIBRARIES
from benchmarks.task_queues.loss import Loss
from benchmarks.task_queues.speed import Speed
from workshop.system.percentiles import percentile, spread

OURS = "Celery (prefork)"
RELIABLE = "reliable"
FACTS = {
    OURS: "By default, Celery acknowledges a task before the task runs, so a task that is running in a "
    "killed worker is lost. Messages that the worker had prefetched are delivered again after the "
    "visibility timeout of one hour "
    "(https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html). While a worker "
    "fetches a message from Redis, the message is in no list for a moment. If the worker dies at that "
    "moment, the message is lost, even with acks_late. The benchmark kills no worker at such a moment. The "
    "explanation page about delivery says how often this happens.",
    "RQ": "RQ forks a process for each task, so a task shares no memory with other tasks and can't crash "
    "them (https://python-rq.org/docs/workers/). Forking takes most of the time of an empty task.",
    "django-tasks (SQLite)": "While its table is empty, the worker of django-tasks polls the table once a "
    "second. When the worker starts, it waits up to a second, so that several workers don't poll at the same "
    "time. `db_worker` has options for both. A task that was running in a killed worker stays marked as "
    "running (https://github.com/RealOrangeOne/django-tasks/issues/46).",
    "Dramatiq": "Dramatiq aims for at-least-once delivery (https://dramatiq.io/guide.html). A worker counts "
    "as dead after a minute without a heartbeat. Only one in a thousand commands looks for dead workers and "
    "re-sends the messages that they had reserved (https://dramatiq.io/reference.html). So on a quiet "
    "queue, a message that a killed worker had reserved can wait much longer than a minute.",
    "Huey": "Huey's worker removes a task from the list before the task runs "
    "(https://huey.readthedocs.io/en/latest/consumer.html), and keeps no second list of running tasks.",
}
"""Facts from each project's documentation."""


def speed_tables(speeds: dict[str, Speed]) -> list[Table]:
    """Return tables with tasks per second, times and memory: the median and range of each library."""
    rates = [
        [name, spread(speed.empty, 0), spread(speed.photos, 1), spread(speed.sent, 0)]
        for name, speed in speeds.items()
    ]
    times = [
        [
            name,
            *_percentiles(speed.until_started),
            *_percentiles(speed.until_result),
            spread(speed.startup, 2),
        ]
        for name, speed in speeds.items()
    ]
    memory = [[name, spread(speed.idle, 0), spread(speed.busy, 0)] for name, speed in speeds.items()]
    percentiles = [f"{what}, {percent} ms" for what in ("starts", "result") for percent in ("p50", "p95")]
    return [
        Table(
            "Per second: median (range)", ["", "empty tasks", "photos of 12 megapixels", "tasks sent"], rates
        ),
        Table(
            "A single task on an idle worker, and the worker's startup",
            ["", *percentiles, "first task after startup, s"],
            times,
        ),
        Table("Memory of all worker processes, MB", ["", "idle", "peak with photos"], memory),
    ]


def loss_table(losses: list[Loss], seconds: float) -> Table:
    """Return a table of what happened to the tasks of each killed worker within `seconds`."""
    rows = [
        [
            f"{loss.library.name}: {RELIABLE if loss.reliable else 'default'}",
            f"{loss.unfinished} of {loss.sent}",
            loss.finished_twice,
            loss.started_twice,
            "–" if loss.started_again is None else f"{loss.started_again:.0f}",
            f"{loss.last_finished:.0f}",
            ", ".join(f"{count} {state}" for state, count in loss.left.items()) or "nothing",
        ]
        for loss in losses
    ]
    headings = [
        "",
        f"unfinished after {seconds:.0f} s",
        "finished twice",
        "started twice",
        "started again after, s",
        "last one finished after, s",
        "left in the queue",
    ]
    return Table("The whole worker killed with kill -9 and restarted", headings, rows)


def remarks(names: Collection[str], versions: dict[str, str]) -> list[str]:
    """Return the reliable settings, facts from the projects' documentation, and versions.

    Args:
        names: The libraries that were measured.
        versions: The versions of all installed packages, by name.
    """
    libraries = [library for library in LIBRARIES if library.name in names]
    settings = "; ".join(
        f"{library.name}: {library.reliable_settings}" for library in libraries if library.reliable_settings
    )
    sentences = [f"The settings called “{RELIABLE}”: {settings}. The other libraries have no such settings."]
    packages = list(dict.fromkeys(library.package for library in libraries))
    if "django-tasks-db" in packages:
        packages.append("django-tasks")
    packages += ["kombu", "django", "redis", "pillow"]
    return [
        *(sentences if settings else []),
        *(fact for name, fact in FACTS.items() if name in names),
        "Versions: " + ", ".join(f"{name} {versions[name]}" for name in packages) + ".",
    ]


def _percentiles(seconds: list[float]) -> list[str]:
    return [f"{percentile(seconds, percent) * 1000:.1f}" for percent in (50, 95)]
