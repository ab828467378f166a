"""Plots of tasks over time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import median

from celery.result import AsyncResult

from .events import moments
from .rush import Rush

FEW = 9
"""A row with fewer runs than this gets thick lines."""


def plot_timeline(events: list[dict], results: list[AsyncResult]) -> None:
    """Draw a bar per task: white while waiting, gray while running, a line when a worker received it."""
    import matplotlib.pyplot as plt

    known = [(row, moments(events, result.id)) for row, result in enumerate(results)]
    zero = min((times["task-sent"] for _, times in known if "task-sent" in times), default=0)
    plt.figure(figsize=(7, 3))
    for row, times in known:
        at = {name: (moment - zero) * 1000 for name, moment in times.items()}
        if at.keys() >= {"task-sent", "task-received", "task-started", "task-succeeded"}:
            waits, runs = at["task-started"] - at["task-sent"], at["task-succeeded"] - at["task-started"]
            plt.barh(row, waits, left=at["task-sent"], color="white", edgecolor="black")
            plt.barh(row, runs, left=at["task-started"], color="dimgrey")
            plt.plot(at["task-received"], row, "k|", markersize=14)
    plt.yticks(range(len(results)), [f"task {row + 1}" for row in range(len(results))])
    plt.gca().invert_yaxis()
    plt.xlabel("milliseconds since the first task was sent")
    plt.title("white: waiting, line: received by a worker, gray: running", fontsize=10)
    plt.show()


def plot_seconds(rows: dict[str, list[float]]) -> None:
    """Draw a row of dots for each name in `rows`, with its values in seconds and a line at the median."""
    import matplotlib.pyplot as plt

    plt.figure(figsize=(7, 3))
    for row, values in enumerate(rows.values()):
        plt.plot(values, [row] * len(values), "o", color="black", fillstyle="none")
        plt.plot(median(values), row, "k|", markersize=40)
    plt.yticks(range(len(rows)), list(rows))
    plt.ylim(len(rows) - 0.4, -0.6)
    plt.xlim(left=0)
    plt.xlabel("seconds")
    plt.tight_layout()
    plt.show()


def plot_sizes(megapixels: Sequence[float], waited: Sequence[float], resizing: Sequence[float]) -> None:
    """Draw a dot for each upload and a cross for its resize, over the size of the photo.

    waited: how long the visitor waited, in seconds. resizing: how long the resize took, in seconds.
    """
    import matplotlib.pyplot as plt

    plt.figure(figsize=(7, 3))
    plt.plot(megapixels, [1000 * each for each in waited], "ko", label="the visitor waited")
    plt.plot(megapixels, [1000 * each for each in resizing], "k+", label="the resize took")
    plt.xlabel("photo (megapixels)")
    plt.ylabel("time (ms)")
    plt.ylim(bottom=0)
    plt.legend()
    plt.show()


def plot_pages(rush: Rush) -> None:
    """Draw a dot for each page that the other visitor opened, and a gray area while photos are resized."""
    import matplotlib.pyplot as plt

    plt.figure(figsize=(7, 3))
    plt.axvspan(0, rush.seconds, color="0.9", label="photos are resized")
    when = [page.began for page in rush.pages]
    plt.plot(when, [1000 * page.seconds for page in rush.pages], "k.-", label="a page")
    plt.xlabel("time (s)")
    plt.ylabel("the page took (ms)")
    plt.ylim(bottom=0)
    plt.legend()
    plt.show()


def plot_waits(limits: Sequence[float], drawn: Sequence[Sequence[float]]) -> None:
    """Draw the wait before each retry: a line for the waits without jitter, a dash for each wait with jitter.

    limits: the wait in seconds after 0, 1, 2, … retries. drawn: for each of them, the waits of several tasks.
    """
    import matplotlib.pyplot as plt

    plt.figure(figsize=(7, 3))
    plt.plot(limits, "k-", drawstyle="steps-mid", label="without jitter")
    dots = [(retries, wait) for retries, waits in enumerate(drawn) for wait in waits]
    plt.plot(*zip(*dots, strict=True), "k_", alpha=0.3, label=f"with jitter, {len(drawn[0])} tasks")
    plt.xlabel("previous retries")
    plt.ylabel("wait (s)")
    plt.legend()
    plt.show()


def plot_uploads(rushes: dict[str, Rush]) -> None:
    """Draw a line for each rush in `rushes`: the response time of each upload in seconds, fastest first."""
    import matplotlib.pyplot as plt

    plt.figure(figsize=(7, 3))
    for (name, rush), style in zip(rushes.items(), ("ko-", "k+--"), strict=True):
        seconds = sorted(upload.seconds for upload in rush.uploads)
        plt.plot(range(1, len(seconds) + 1), seconds, style, label=name)
    plt.xlabel("the uploads, fastest first")
    plt.ylabel("response time (s)")
    plt.ylim(bottom=0)
    plt.legend()
    plt.show()


def plot_runs(rows: dict[str, list[datetime]], begin: datetime, hours: int, every: int = 1) -> None:
    """Draw a row of vertical lines for each name in `rows`: one line for each run of a schedule.

    begin: the start of the plot, in the time zone of the runs if it has none. hours: its length. every: hours
    between two labels, which show local time.
    """
    import matplotlib.pyplot as plt

    if begin.tzinfo is None:
        begin = begin.replace(tzinfo=next(run.tzinfo for runs in rows.values() for run in runs))
    plt.figure(figsize=(7, 3))
    for row, runs in enumerate(rows.values()):
        at = [(run.timestamp() - begin.timestamp()) / 3600 for run in runs]
        width = 2 if len(at) < FEW else 0.3 if len(at) > 100 else 1
        plt.plot(at, [row] * len(at), "k|", markersize=22, markeredgewidth=width)
    plt.yticks(range(len(rows)), list(rows))
    plt.ylim(-0.7, len(rows) - 0.3)
    places = range(0, hours + 1, every)
    plt.xlim(-0.02 * hours, 1.02 * hours)
    plt.xticks(places, _local_times(begin, places))
    plt.xlabel(f"local time in {begin.tzinfo}")
    plt.tight_layout()
    plt.show()


def _local_times(begin: datetime, hours: Sequence[int]) -> list[str]:
    """Return the local time after each number of hours. A time that occurs twice is marked "again"."""
    labels: list[str] = []
    for count in hours:
        moment = (begin.astimezone(UTC) + timedelta(hours=count)).astimezone(begin.tzinfo)
        label = f"{moment.hour}:{moment.minute:02}"
        labels.append(f"{label}\nagain" if labels and labels[-1] == label else label)
    return labels
