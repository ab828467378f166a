"""Tables and remarks about the task queues."""

from collections.abc import Collection

from benchmarks.section import Table
from benchmarks.task_queues.loss import Loss
from benchmarks.task_queues.rivals import RIVALS, Rival
from benchmarks.task_queues.speed import Speed
from workshop.system.percentiles import percentile, spread

OURS = "Celery (prefork)"
RELIABLE = "reliable"
Losses = list[tuple[Rival, bool, Loss]]
KNOWN = {
    OURS: "By default, Celery acknowledges a task before the task runs, so a task that is running in a "
    "killed worker is lost. Messages that the worker had prefetched return after the visibility timeout of "
    "one hour (https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html). While a "
    "worker fetches a message from Redis, the message is in no list for a moment. If the worker dies at that "
    "moment, the message is lost, even with acks_late. The benchmark kills no worker at such a moment. The "
    "explanation page about delivery says how often this happens.",
    "RQ": "RQ forks a process for each task, so a task shares no memory with other tasks and can't crash "
    "them (https://python-rq.org/docs/workers/). Forking takes most of the time of an empty task.",
    "django-tasks (SQLite)": "While its table is empty, the worker of django-tasks polls the table once a "
    "second. When the worker starts, it waits up to a second, so that several workers don't poll at the same "
    "time. `db_worker` has options for both. A task that was running in a killed worker stays marked as "
    "running (https://github.com/RealOrangeOne/django-tasks/issues/46).",
    "Dramatiq": "Dramatiq aims for at-least-once delivery (https://dramatiq.io/guide.html). A worker counts "
    "as dead after a minute without a heartbeat, and one in a thousand commands looks for dead workers "
    "(https://dramatiq.io/reference.html). So on a quiet queue, the messages of a dead worker wait longer.",
    "Huey": "Huey's worker removes a task from the list before the task runs "
    "(https://huey.readthedocs.io/en/latest/consumer.html), and keeps no second list of running tasks.",
}
"""Facts from each project's documentation."""


def speed_tables(speeds: dict[str, Speed]) -> list[Table]:
    """Tasks per second, times and memory: the median and range of the rounds for each rival."""
    rates = [
        [name, spread(speed.empty, 0), spread(speed.photos, 1), spread(speed.sent, 0)]
        for name, speed in speeds.items()
    ]
    times = [
        [name, *_percentiles(speed.begin), *_percentiles(speed.result), spread(speed.start, 2)]
        for name, speed in speeds.items()
    ]
    weights = [[name, spread(speed.idle, 0), spread(speed.busy, 0)] for name, speed in speeds.items()]
    return [
        Table(
            "Per second: median (range)", ["", "empty tasks", "photos of 12 megapixels", "tasks sent"], rates
        ),
        Table(
            "A single task on an idle worker, and the worker's startup",
            [
                "",
                "starts, p50 ms",
                "starts, p95 ms",
                "result, p50 ms",
                "result, p95 ms",
                "first task after startup, s",
            ],
            times,
        ),
        Table("Memory of all worker processes, MB", ["", "idle", "peak with photos"], weights),
    ]


def loss_table(losses: Losses, window: float) -> Table:
    """What happened to the tasks of a killed worker."""
    rows = [
        [
            f"{rival.name}: {RELIABLE if reliable else 'default'}",
            f"{loss.never} of {loss.sent}",
            loss.twice,
            loss.again,
            "–" if loss.back is None else f"{loss.back:.0f}",
            f"{loss.after:.0f}",
            ", ".join(f"{number} {word}" for word, number in loss.left.items()) or "nothing",
        ]
        for rival, reliable, loss in losses
    ]
    headings = [
        "",
        f"unfinished after {window:.0f} s",
        "finished twice",
        "started twice",
        "started again after, s",
        "last one finished after, s",
    ]
    return Table("The whole worker killed with kill -9 and restarted", [*headings, "left in the queue"], rows)


def remarks(names: Collection[str], versions: dict[str, str]) -> list[str]:
    """The reliable settings, facts from the projects' documentation, and versions, for the rivals `names`."""
    rivals = [rival for rival in RIVALS if rival.name in names]
    safe = "; ".join(f"{rival.name}: {rival.safe}" for rival in rivals if rival.safe)
    found = (
        [f"The settings called “{RELIABLE}”: {safe}. The other libraries have no such settings."]
        if safe
        else []
    )
    found += [words for name, words in KNOWN.items() if name in names]
    packages = dict.fromkeys(rival.package for rival in rivals)
    packages |= {"django-tasks": None} if "django-tasks-db" in packages else {}
    named = [*packages, "kombu", "django", "redis", "pillow"]
    return [*found, "Versions: " + ", ".join(f"{name} {versions[name]}" for name in named) + "."]


def _percentiles(seconds: list[float]) -> list[str]:
    return [f"{percentile(seconds, percent) * 1000:.1f}" for percent in (50, 95)]
