"""Plot tasks, uploads and schedules over time."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median

from celery.result import AsyncResult

from workshop.photos.concurrent_uploads import Load

from .events import event_times

FEW = 9
"""Rows with fewer runs than this number are drawn with thick lines."""


@contextlib.contextmanager
def _figure(x: str, y: str = "") -> Iterator:
    """Yield pyplot with a new figure. After the `with` block, label the axes and show the figure.

    `x` and `y` are the labels of the axes. If `y` is given, the y-axis starts at zero.
    """
    import matplotlib.pyplot as plt

    plt.figure(figsize=(7, 3))
    yield plt
    plt.xlabel(x)
    if y:
        plt.ylabel(y)
        plt.ylim(bottom=0)
        plt.legend()
    plt.tight_layout()
    plt.show()


def plot_timeline(events: list[dict], results: list[AsyncResult]) -> None:
    """Draw a bar for each task: the waiting time is white, and the running time is gray.

    A line marks the time at which a worker received the task.
    """
    times_of_tasks = [event_times(events, result.id) for result in results]
    zero = min((times["task-sent"] for times in times_of_tasks if "task-sent" in times), default=0)
    with _figure("milliseconds since the first task was sent") as plt:
        for row, times in enumerate(times_of_tasks):
            at = {name: (moment - zero) * 1000 for name, moment in times.items()}
            if at.keys() >= {"task-sent", "task-received", "task-started", "task-succeeded"}:
                waits, runs = at["task-started"] - at["task-sent"], at["task-succeeded"] - at["task-started"]
                plt.barh(row, waits, left=at["task-sent"], color="white", edgecolor="black")
                plt.barh(row, runs, left=at["task-started"], color="dimgrey")
                plt.plot(at["task-received"], row, "k|", markersize=14)
        plt.yticks(range(len(results)), [f"task {row + 1}" for row in range(len(results))])
        plt.gca().invert_yaxis()
        plt.title("white: waiting, line: received by a worker, gray: running", fontsize=10)


def plot_seconds(rows: dict[str, list[float]]) -> None:
    """For each name in `rows`, draw a row with a dot for each value, in seconds, and a line at the median."""
    with _figure("seconds") as plt:
        for row, values in enumerate(rows.values()):
            plt.plot(values, [row] * len(values), "o", color="black", fillstyle="none")
            plt.plot(median(values), row, "k|", markersize=40)
        plt.yticks(range(len(rows)), list(rows))
        plt.ylim(len(rows) - 0.4, -0.6)
        plt.xlim(left=0)


def plot_sizes(megapixels: Sequence[float], waited: Sequence[float], resizing: Sequence[float]) -> None:
    """Plot times against photo sizes, with a dot for each upload and a cross for each resize.

    Args:
        megapixels: The sizes of the photos, in megapixels.
        waited: How long the visitor waited for each upload, in seconds.
        resizing: How long each resize took, in seconds.
    """
    with _figure("photo (megapixels)", "time (ms)") as plt:
        plt.plot(megapixels, _milliseconds(waited), "ko", label="upload (waiting time)")
        plt.plot(megapixels, _milliseconds(resizing), "k+", label="resize")


def plot_pages(load: Load) -> None:
    """Plot the response times of the pages that another visitor opened before and during the uploads.

    A gray area shows when the uploads were running.
    """
    with _figure("time (s)", "response time of the page (ms)") as plt:
        plt.axvspan(0, load.seconds, color="0.9", label="photos are resized")
        when = [page.started - load.started for page in load.pages]
        plt.plot(when, _milliseconds(page.seconds for page in load.pages), "k.-", label="a page")


def plot_waits(limits: Sequence[float], drawn: Sequence[Sequence[float]]) -> None:
    """Plot the waits before retries: a line without jitter, and a dash for each wait with jitter.

    Args:
        limits: The waits in seconds without jitter, after 0, 1, 2, … previous retries.
        drawn: The waits in seconds with jitter. Each item contains the waits of several tasks after the same
            number of previous retries.
    """
    with _figure("previous retries", "wait (s)") as plt:
        plt.plot(limits, "k-", drawstyle="steps-mid", label="without jitter")
        dashes = [(retries, wait) for retries, waits in enumerate(drawn) for wait in waits]
        plt.plot(*zip(*dashes, strict=True), "k_", alpha=0.3, label=f"with jitter, {len(drawn[0])} tasks")


def plot_uploads(loads: dict[str, Load]) -> None:
    """Compare the response times of the uploads in two measurements.

    Each measurement is drawn as a line, from the fastest upload to the slowest.
    """
    with _figure("the uploads, fastest first", "response time (s)") as plt:
        for (name, load), style in zip(loads.items(), ("ko-", "k+--"), strict=True):
            seconds = sorted(upload.seconds for upload in load.uploads)
            plt.plot(range(1, len(seconds) + 1), seconds, style, label=name)


def plot_runs(rows: dict[str, list[datetime]], begin: datetime, hours: int, every: int = 1) -> None:
    """Draw a row for each name in `rows`, with a vertical line for each run of a schedule.

    Args:
        rows: A dictionary that maps each row's name to the times of its runs.
        begin: The time at which the plot starts. If this datetime has no time zone, the time
            zone of the runs is used.
        hours: The length of the plot, in hours.
        every: The number of hours between two labels. Each label shows the local time.
    """
    if begin.tzinfo is None:
        begin = begin.replace(tzinfo=next(run.tzinfo for runs in rows.values() for run in runs))
    with _figure(f"local time in {begin.tzinfo}") as plt:
        for row, runs in enumerate(rows.values()):
            at = [(run.timestamp() - begin.timestamp()) / 3600 for run in runs]
            plt.plot(at, [row] * len(at), "k|", markersize=22, markeredgewidth=_line_width(len(at)))
        plt.yticks(range(len(rows)), list(rows))
        plt.ylim(-0.7, len(rows) - 0.3)
        places = range(0, hours + 1, every)
        plt.xlim(-0.02 * hours, 1.02 * hours)
        plt.xticks(places, _local_times(begin, places))


def _milliseconds(seconds: Iterable[float]) -> list[float]:
    return [1000 * duration for duration in seconds]


def _line_width(runs: int) -> float:
    if runs > 100:
        return 0.3
    return 2 if runs < FEW else 1


def _local_times(begin: datetime, hours: Sequence[int]) -> list[str]:
    """Return a label with the local time for each number of hours after `begin`.

    If the clocks go back and a time occurs twice, the second label also says "again".
    """
    labels: list[str] = []
    for count in hours:
        moment = (begin.astimezone(UTC) + timedelta(hours=count)).astimezone(begin.tzinfo)
        label = f"{moment.hour}:{moment.minute:02}"
        labels.append(f"{label}\nagain" if labels and labels[-1] == label else label)
    return labels
