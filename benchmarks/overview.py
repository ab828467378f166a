"""Draw the three pictures at the top of the page, and write a sentence about each one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks import chart
from benchmarks.chart import Bar, Ranking
from benchmarks.section import Plot, Section, Table
from benchmarks.task_queues.libraries import LIBRARIES
from benchmarks.task_queues.report import OURS, RELIABLE
from benchmarks.visitor import BLOCKING, OFFLOADED, RECEIVED
from workshop.console import listed

UPLOADS = {
    BLOCKING: ("resized in the request", "if the request resizes the photo", chart.RED),
    OFFLOADED: ("resized in a worker", "if a worker resizes it", chart.GREEN),
    RECEIVED: ("only received and saved", "if the server only receives and saves it", chart.BLUE),
}
"""The label, the words in the sentence, and the color of each site in the first picture."""
MEASURES = {
    "Empty tasks per second": ("Per second", "empty tasks", True, ""),
    "Photos per second": ("Per second", "photos of 12 megapixels", True, ""),
    "Tasks sent per second": ("Per second", "tasks sent", True, ""),
    "Until a single task starts": ("A single task", "starts, p50 ms", False, " ms"),
    "Until a single result": ("A single task", "result, p50 ms", False, " ms"),
    "Startup to first task": ("A single task", "first task after startup, s", False, " s"),
    "Memory with photos": ("Memory", "peak with photos", False, " MB"),
}
"""For each measure, the title of the table, the column, whether more is better, and the unit."""


@dataclass(frozen=True)
class Picture:
    """A picture with a title, a sentence about the result, and a caption that explains the picture."""

    title: str
    sentence: str
    plot: Plot
    caption: str


def pictures(sections: Mapping[str, Section]) -> list[Picture]:
    """Return the pictures for which `sections` contains results.

    Args:
        sections: The sections of the page, by the name of the measurement.
    """
    makers = (("visitor", uploads), ("field", killed_worker), ("field", celery_ranks))
    return [make(sections[name]) for name, make in makers if name in sections]


def uploads(section: Section) -> Picture:
    """Draw how long an upload takes if the photo is resized in the request, in a worker, or not at all."""
    groups: dict[str, list[Bar]] = {}
    words = []
    for table in section.tables:
        situation = situation_of(table)
        groups[situation] = []
        for site, (label, _, color) in UPLOADS.items():
            median, most = (table.number(f"upload, {site}", percent) for percent in ("p50", "p99"))
            text = f"{median:.0f} ms, p99 {most:.0f} ms"
            groups[situation].append(Bar(label, text, [(median, color)], most))
            words.append(f"{situation}, {label}: {text}.")
    first = section.tables[0]
    medians = listed(
        f"{first.number(f'upload, {site}', 'p50'):.0f} ms {how}" for site, (_, how, _) in UPLOADS.items()
    )
    return Picture(
        "What a visitor feels during an upload",
        f"The median upload takes {medians} ({situation_of(first)}).",
        Plot("overview-visitor", " ".join(words), chart.bars(groups)),
        "Each bar ends at the median, and its thin line ends at the 99th percentile. Each group has its own "
        "scale.",
    )


@dataclass(frozen=True)
class Outcome:
    """What happened to the tasks of a killed worker, according to a row of the table.

    Attributes:
        sent: The number of tasks that were sent.
        lost: The number of tasks that were neither finished nor still in the queue.
        left: The number of unfinished tasks that were still in the queue.
        twice: The number of tasks that were started twice.
        finished_after: Seconds until the last task was finished.
        again_after: Seconds until the last interrupted task was started again. None if no task was started
            again, or if the table is from an older version that did not measure this time.
    """

    sent: int
    lost: int
    left: int
    twice: int
    finished_after: float
    again_after: float | None = None

    @classmethod
    def of(cls, table: Table, row: str) -> "Outcome":
        """Return the outcome from a row of a table created by report.loss_table()."""
        unfinished, sent = map(int, re.findall(r"\d+", table.cell(row, table.headings[1])))
        left = sum(map(int, re.findall(r"\d+", table.cell(row, "left in the queue"))))
        twice = int(table.number(row, "started twice"))
        heading = "started again after, s"
        again_after = table.number(row, heading) if twice and heading in table.headings else None
        finished_after = table.number(row, "last one finished after, s")
        return cls(sent, unfinished - left, left, twice, finished_after, again_after)

    @property
    def label(self) -> str:
        """The text above the bar."""
        counts = ((self.lost, "lost"), (self.left, "unfinished"), (self.twice, "started twice"))
        parts = [f"{count} {what}" for count, what in counts if count]
        if self.again_after is not None:
            parts.append(f"again after {self.again_after:.0f} s")
        elif not self.lost and not self.left:
            parts.append(f"done after {self.finished_after:.0f} s")
        return ", ".join(parts)

    def sentence(self, seconds: str) -> str:
        """Return a clause such as "2 tasks were lost and 8 were still in the queue after 100 s"."""
        parts = []
        if self.lost:
            parts.append(f"{self.lost} tasks were lost")
        if self.left:
            parts.append(f"{self.left} were still in the queue after {seconds} s")
        if not parts:
            parts.append(f"all tasks were finished after {self.finished_after:.0f} s")
        if self.twice:
            last = f", the last after {self.again_after:.0f} s" if self.again_after is not None else ""
            parts.append(f"{self.twice} of them were started twice{last}")
        return listed(parts)


def killed_worker(section: Section) -> Picture:
    """Draw what happens to the tasks of a killed worker with the default and the reliable settings."""
    table = section.table("The whole worker killed")
    seconds = re.search(r"\d+", table.headings[1])[0]
    outcomes = {row: Outcome.of(table, row) for row in table.labels}
    bars = [
        Bar(
            row.replace(": ", ", "),
            outcome.label,
            [(outcome.lost, chart.RED), (outcome.left, chart.ORANGE), (outcome.twice, chart.BLUE)],
        )
        for row, outcome in outcomes.items()
    ]
    legend = {
        "lost": chart.RED,
        f"unfinished, still in the queue after {seconds} s": chart.ORANGE,
        "started twice": chart.BLUE,
    }
    ours = next(library for library in LIBRARIES if library.name == OURS)
    sentences = " ".join(
        f"With {kind} settings{settings}, {outcomes[f'{OURS}: {kind}'].sentence(seconds)}."
        for kind, settings in (("default", ""), (RELIABLE, f" ({ours.reliable_settings})"))
    )
    sent = outcomes[table.labels[0]].sent
    return Picture(
        "The cost of a killed worker",
        f"A {OURS} worker had {sent} tasks. All of its processes were killed with kill -9, and the worker "
        f"was restarted. {sentences}",
        Plot(
            "overview-killed",
            f"{sent} tasks each. "
            + " ".join(f"{row}: {outcome.label}." for row, outcome in outcomes.items()),
            chart.bars({"": bars}, legend),
        ),
        f"Each row shows what happened to {sent} tasks. [Task queues compared](#field) lists the reliable "
        "settings.",
    )


def rankings(section: Section) -> list[Ranking]:
    """Return Celery's rank among the task queues for each of the MEASURES."""
    rows = []
    for title, (name, heading, more_is_better, unit) in MEASURES.items():
        table = section.table(name)
        values = {library: table.number(library, heading) for library in table.labels}
        rows.append(Ranking(title, values, OURS, more_is_better, unit))
    return rows


def celery_ranks(section: Section) -> Picture:
    """Draw where Celery ranks among the task queues."""
    rows = rankings(section)
    near, *_, far = sorted(rows, key=lambda row: row.distance)
    return Picture(
        "Celery among other task queues",
        f"Of {len(near.order)} setups, {OURS} comes closest to the best result in “{near.title.lower()}” "
        f"({near.comparison}), and is farthest from the best result in “{far.title.lower()}” "
        f"({far.comparison}).",
        Plot(
            "overview-celery",
            " ".join(
                f"{row.title}: {', '.join(map(row.with_value, row.order))}. {OURS} is number {row.place}."
                for row in rows
            ),
            chart.ranks(rows),
        ),
        f"On each line, the colored dot stands for {OURS}, and the number above the line is its value. The "
        "best value is on the right. Each line has its own logarithmic scale.",
    )


def situation_of(table: Table) -> str:
    """Return the end of a table's title.

    For example, the end of the title "20 uploads of a JPEG, all at once" is "JPEG, all at once".
    """
    return re.sub(r"^.*uploads of an? ", "", table.title)
