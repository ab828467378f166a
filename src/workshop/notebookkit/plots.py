"""Plots of tasks over time."""

from statistics import median

from celery.result import AsyncResult

from .events import moments


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
