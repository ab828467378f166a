"""Tables, plots and remarks about the task queues. No sentence here assumes who wins."""

import statistics
from collections.abc import Callable

from workshop.system.percentiles import percentile, spread

from . import plot
from .field_loss import Loss
from .field_rivals import RIVALS, Rival
from .field_speed import Speed
from .section import Plot, Table

OURS = "Celery (prefork)"
Losses = list[tuple[Rival, bool, Loss]]
MEASURES: dict[str, tuple[Callable[[Speed], list[float]], bool]] = {
    "empty tasks per second": (lambda speed: speed.empty, True),
    "photos per second": (lambda speed: speed.photos, True),
    "tasks sent per second": (lambda speed: speed.sent, True),
    "time until a single task starts": (lambda speed: speed.begin, False),
    "time until the result of a single task": (lambda speed: speed.result, False),
    "memory under load": (lambda speed: speed.busy, False),
    "time from the worker's start to its first task": (lambda speed: speed.start, False),
}
"""The compared values, and whether a higher value is better."""
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
            ["", "starts, p50 ms", "p95 ms", "result, p50 ms", "p95 ms", "first task after startup, s"],
            times,
        ),
        Table("Memory of all worker processes, MB", ["", "idle", "peak with photos"], weights),
    ]


def loss_table(losses: Losses, window: float) -> Table:
    """What happened to the tasks of a killed worker."""
    rows = [
        [
            f"{rival.name}: {'reliable' if reliable else 'default'}",
            f"{loss.never} of {loss.sent}",
            loss.twice,
            loss.again,
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
        "last one finished after, s",
    ]
    return Table("The whole worker killed with kill -9 and restarted", [*headings, "left in the queue"], rows)


def plots(speeds: dict[str, Speed]) -> list[Plot]:
    """Bar charts of the most important values."""
    empty = {name: statistics.median(speed.empty) for name, speed in speeds.items()}
    memory = {name: statistics.median(speed.busy) for name, speed in speeds.items()}
    return [
        Plot(
            "field-empty",
            f"Empty tasks per second, two at a time: {_listed(empty, 0)}.",
            plot.bars(empty, "empty tasks per second"),
        ),
        Plot(
            "field-memory",
            f"Memory of all worker processes while photos are resized, in MB: {_listed(memory, 0)}.",
            plot.bars(memory, "MB"),
        ),
    ]


def remarks(speeds: dict[str, Speed], losses: Losses, window: float, versions: dict[str, str]) -> list[str]:
    """Celery's rank, the lost tasks, facts from the projects' documentation, and versions."""
    found = [_place(what, speeds) for what in MEASURES] if OURS in speeds and len(speeds) > 1 else []
    found += [_lost(rival, reliable, loss, window) for rival, reliable, loss in losses]
    found += [words for name, words in KNOWN.items() if name in speeds]
    packages = dict.fromkeys(rival.package for rival in RIVALS if rival.name in speeds)
    packages |= {"django-tasks": None} if "django-tasks-db" in packages else {}
    named = [*packages, "kombu", "django", "redis", "pillow"]
    return [*found, "Versions: " + ", ".join(f"{name} {versions[name]}" for name in named) + "."]


def _place(what: str, speeds: dict[str, Speed]) -> str:
    """For example "Photos per second: Celery (prefork) is number 2 of 6 (0.98 times the value of Huey)."."""
    pick, more = MEASURES[what]
    medians = {name: statistics.median(pick(speed)) for name, speed in speeds.items()}
    order = sorted(medians, key=medians.__getitem__, reverse=more)
    ours, place = medians[OURS], order.index(OURS) + 1
    other = order[1] if place == 1 else order[0]
    ratio = f"{ours / medians[other]:.2g} times the value of {other}"
    return f"{what[0].upper()}{what[1:]}: {OURS} is number {place} of {len(order)} ({ratio})."


def _lost(rival: Rival, reliable: bool, loss: Loss, window: float) -> str:
    setting = rival.safe if reliable else "default settings"
    failed = f"after {window:.0f} s, {loss.never} of {loss.sent} tasks were unfinished."
    done = failed if loss.never else f"all tasks were finished within {window:.0f} s."
    again = f" Started twice: {loss.again}." if loss.again else ""
    left = ", ".join(f"{number} {word}" for word, number in loss.left.items())
    kept = f" Still in the queue: {left}." if left else " The queue was empty." if loss.never else ""
    return f"kill -9 on {rival.name} with {setting}: {done}{again}{kept}"


def _percentiles(seconds: list[float]) -> list[str]:
    return [f"{percentile(seconds, percent) * 1000:.1f}" for percent in (50, 95)]


def _listed(values: dict[str, float], digits: int) -> str:
    return "; ".join(f"{name} {value:.{digits}f}" for name, value in values.items())
