"""What the field's figures say: tables, plots and remarks. No sentence here knows who wins."""

import statistics
from collections.abc import Callable

from . import plot
from .field_loss import Loss
from .field_rivals import RIVALS, Rival
from .field_speed import Speed
from .section import Plot, Table
from .statistic import percentile, spread

OURS = "Celery, prefork"
Losses = list[tuple[Rival, bool, Loss]]
MEASURES: dict[str, tuple[Callable[[Speed], list[float]], bool]] = {
    "empty tasks": (lambda speed: speed.empty, True),
    "photos": (lambda speed: speed.photos, True),
    "sending": (lambda speed: speed.sent, True),
    "a single task, until it begins": (lambda speed: speed.begin, False),
    "a single task, until its result": (lambda speed: speed.result, False),
    "memory at work": (lambda speed: speed.busy, False),
    "from start to the first task": (lambda speed: speed.start, False),
}
"""What is compared, and whether more is better."""
KNOWN = {
    OURS: "As it comes, Celery acknowledges a task before it runs, so what runs in a killed worker is gone; "
    "what the worker had taken in advance comes back after the visibility timeout, an hour "
    "(https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html). Taken from Redis, "
    "a message is in no list for a moment: a worker that dies in it takes the message along, with acks_late, "
    "too. Workers are not killed in that moment here; the explanation of delivery says how often it happens.",
    "RQ": "RQ forks a process for each task, which keeps a task's memory and its crash to itself "
    "(https://python-rq.org/docs/workers/): its time for an empty task is mostly that.",
    "django-tasks, SQLite": "The worker of django-tasks looks into its table once a second when it was "
    "empty, and waits up to a second at its start, so that many do not look at once; both are options of "
    "`db_worker`. What a killed worker was at stays marked as running "
    "(https://github.com/RealOrangeOne/django-tasks/issues/46).",
    "Dramatiq": "Dramatiq means to deliver at least once (https://dramatiq.io/guide.html). A worker is "
    "taken for dead after a minute without a sign of life, and one command of a thousand looks for such "
    "(https://dramatiq.io/reference.html), so on a quiet queue the messages of a dead one wait longer.",
    "Huey": "Huey's worker takes a task off the list before it runs "
    "(https://huey.readthedocs.io/en/latest/consumer.html), and keeps no second list of what is running.",
}
"""From each project's own pages."""


def speed_tables(speeds: dict[str, Speed]) -> list[Table]:
    """Tasks per second, times, memory: median and range of the rounds, by rival."""
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
            "A single task to an idle worker, and the worker's start",
            ["", "begins, p50 ms", "p95 ms", "result, p50 ms", "p95 ms", "first task after the start, s"],
            times,
        ),
        Table("Memory of all worker processes, MB", ["", "idle", "with photos, at most"], weights),
    ]


def loss_table(losses: Losses, window: float) -> Table:
    """What became of the tasks of a killed worker."""
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
    headings = ["", f"not done within {window:.0f} s", "done twice", "begun twice", "last one done after, s"]
    return Table("The whole worker killed with -9 and started again", [*headings, "left in the queue"], rows)


def plots(speeds: dict[str, Speed]) -> list[Plot]:
    """Bars for what is compared most."""
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
    """Where Celery is ahead and behind, what was lost, what the projects say of themselves, and versions."""
    found = [_place(what, speeds) for what in MEASURES] if OURS in speeds and len(speeds) > 1 else []
    found += [_lost(rival, reliable, loss, window) for rival, reliable, loss in losses]
    found += [words for name, words in KNOWN.items() if name in speeds]
    packages = dict.fromkeys(rival.package for rival in RIVALS if rival.name in speeds)
    packages |= {"django-tasks": None} if "django-tasks-db" in packages else {}
    named = [*packages, "kombu", "django", "redis", "pillow"]
    return [*found, "Versions: " + ", ".join(f"{name} {versions[name]}" for name in named) + "."]


def _place(what: str, speeds: dict[str, Speed]) -> str:
    """Such as "Photos: Celery, prefork is first of 6, with 1.2 times …"."""
    pick, more = MEASURES[what]
    medians = {name: statistics.median(pick(speed)) for name, speed in speeds.items()}
    order = sorted(medians, key=medians.__getitem__, reverse=more)
    ours, place = medians[OURS], order.index(OURS) + 1
    other = order[1] if place == 1 else order[0]
    ratio = f"{ours / medians[other]:.2g} times {'as many' if more else 'as much'} as {other}"
    return f"{what[0].upper()}{what[1:]}: {OURS} is number {place} of {len(order)}, with {ratio}."


def _lost(rival: Rival, reliable: bool, loss: Loss, window: float) -> str:
    setting = rival.safe if reliable else "as it comes"
    done = f"{loss.never} of {loss.sent} tasks were not done" if loss.never else "every task was done"
    again = f"; begun twice: {loss.again}" if loss.again else ""
    left = ", ".join(f"{number} {word}" for word, number in loss.left.items())
    kept = f" The queue still had {left}." if left else " Nothing of them was left." if loss.never else ""
    return f"Killed, {rival.name} ({setting}): {done} within {window:.0f} s{again}.{kept}"


def _percentiles(seconds: list[float]) -> list[str]:
    return [f"{percentile(seconds, percent) * 1000:.1f}" for percent in (50, 95)]


def _listed(values: dict[str, float], digits: int) -> str:
    return "; ".join(f"{name} {value:.{digits}f}" for name, value in values.items())
