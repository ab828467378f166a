"""The three pictures at the top of the page, drawn from the sections' tables, with one sentence each."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import chart
from benchmarks.chart import Bar, Rank
from benchmarks.section import Plot, Section, Table
from benchmarks.task_queues.report import OURS, RELIABLE
from benchmarks.task_queues.rivals import RIVALS
from benchmarks.visitor import BLOCKING, OFFLOADED, RECEIVED

UPLOADED = {
    BLOCKING: ("resized in the request", chart.RED),
    OFFLOADED: ("resized in a worker", chart.GREEN),
    RECEIVED: ("only received and saved", chart.BLUE),
}
"""How the first picture names and colors the alternatives."""
LOST, LEFT, TWICE = "lost", "unfinished, still in the queue", "started twice"


@dataclass(frozen=True)
class Glance:
    """A picture with its title and one sentence. caption: how to read the picture."""

    title: str
    sentence: str
    plot: Plot
    caption: str


def all_of(sections: dict[str, Section]) -> list[Glance]:
    """The pictures for which `sections` has the measurements, by name."""
    makers: dict[str, list[Callable[[Section], Glance]]] = {"visitor": [visitor], "field": [killed, celery]}
    return [make(sections[name]) for name, several in makers.items() if name in sections for make in several]


def visitor(section: Section) -> Glance:
    """How long an upload takes with the resize in the request, in a worker, and without one."""
    groups, words, medians = {}, [], {}
    for table in section.tables:
        situation = situation_of(table)
        bars = []
        for site, (label, color) in UPLOADED.items():
            if f"upload, {site}" not in table.labels:
                continue  # an older measurement
            half, most = (table.number(f"upload, {site}", percent) for percent in ("p50", "p99"))
            medians[situation, site] = half
            bars.append(Bar(label, f"{half:.0f} ms, p99 {most:.0f} ms", [(half, color)], most))
            words.append(f"{situation}, {label}: {half:.0f} ms, p99 {most:.0f} ms.")
        groups[situation] = bars
    first = situation_of(section.tables[0])
    times = [
        f"{medians[first, site]:.0f} ms {how}"
        for site, how in (
            (BLOCKING, "if the request resizes the photo"),
            (OFFLOADED, "if a worker resizes it"),
            (RECEIVED, "if the server only receives and saves it"),
        )
        if (first, site) in medians
    ]
    sentence = f"The median upload takes {listed(times)} ({first})."
    return Glance(
        "What a visitor feels during an upload",
        sentence,
        Plot("glance-visitor", " ".join(words), chart.bars(groups)),
        "A bar ends at the median, and the thin line ends at the 99th percentile. Each group has its own "
        "scale.",
    )


@dataclass(frozen=True)
class Fate:
    """What happened to the tasks of a killed worker, read from a row of the table."""

    sent: int
    lost: int
    left: int
    twice: int
    after: float
    back: float | None = None
    """Seconds until the interrupted tasks were started again; None if none was, or in an older table."""

    @classmethod
    def of(cls, table: Table, row: str) -> "Fate":
        unfinished, sent = map(int, re.findall(r"\d+", table.cell(row, table.headings[1])))
        left = sum(map(int, re.findall(r"\d+", table.cell(row, "left in the queue"))))
        twice = int(table.number(row, "started twice"))
        after = table.number(row, "last one finished after, s")
        again = "started again after, s"
        back = table.number(row, again) if twice and again in table.headings else None
        return cls(sent, unfinished - left, left, twice, after, back)

    @property
    def shown(self) -> str:
        parts = [(self.lost, "lost"), (self.left, "unfinished"), (self.twice, "started twice")]
        said = [f"{number} {word}" for number, word in parts if number]
        if self.back is not None:
            said.append(f"again after {self.back:.0f} s")
        elif not self.lost and not self.left:
            said.append(f"done after {self.after:.0f} s")
        return ", ".join(said)


def killed(section: Section) -> Glance:
    """How many tasks a killed worker costs with the default and with the reliable settings."""
    table = section.table("The whole worker killed")
    seconds = re.search(r"\d+", table.headings[1])[0]
    fates = {row: Fate.of(table, row) for row in table.labels}
    bars = [
        Bar(
            row.replace(": ", ", "),
            fate.shown,
            [(fate.lost, chart.RED), (fate.left, chart.ORANGE), (fate.twice, chart.BLUE)],
        )
        for row, fate in fates.items()
    ]
    legend = {LOST: chart.RED, f"{LEFT} after {seconds} s": chart.ORANGE, TWICE: chart.BLUE}
    safe = next(rival.safe for rival in RIVALS if rival.name == OURS)
    said = [
        f"{setting}, {_fate(fates[row], seconds)}"
        for row, setting in (
            (f"{OURS}: default", "with default settings"),
            (f"{OURS}: {RELIABLE}", f"with reliable settings ({safe})"),
        )
        if row in fates
    ]
    sent = next(iter(fates.values())).sent
    return Glance(
        "The cost of a killed worker",
        f"{OURS} had {sent} tasks when the whole worker was killed with kill -9 and restarted: "
        f"{'; '.join(said)}.",
        Plot(
            "glance-killed",
            f"{sent} tasks each. " + " ".join(f"{row}: {fate.shown}." for row, fate in fates.items()),
            chart.bars({"": bars}, legend),
        ),
        f"Each row shows what happened to {sent} tasks. [Task queues compared](#field) lists the reliable "
        "settings.",
    )


def _fate(fate: Fate, seconds: str) -> str:
    """For example "2 tasks were lost and 8 were still in the queue after 100 s"."""
    parts = []
    if fate.lost:
        parts.append(f"{fate.lost} tasks were lost")
    if fate.left:
        parts.append(f"{fate.left} were still in the queue after {seconds} s")
    if not parts:
        parts.append(f"all tasks were finished after {fate.after:.0f} s")
    if fate.twice:
        again = f", the last after {fate.back:.0f} s" if fate.back is not None else ""
        parts.append(f"{fate.twice} of them were started twice{again}")
    return listed(parts)


MEASURES = {
    "Empty tasks per second": ("Per second", "empty tasks", True, ""),
    "Photos per second": ("Per second", "photos of 12 megapixels", True, ""),
    "Tasks sent per second": ("Per second", "tasks sent", True, ""),
    "Until a single task starts": ("A single task", "starts, p50 ms", False, " ms"),
    "Until a single result": ("A single task", "result, p50 ms", False, " ms"),
    "Startup to first task": ("A single task", "first task after startup, s", False, " s"),
    "Memory with photos": ("Memory", "peak with photos", False, " MB"),
}
"""The table, its column, whether more is better, and the unit."""


def ranking(section: Section) -> list[Rank]:
    """Where Celery stands among the task queues in each measure."""
    found = []
    for title, (where, heading, more, unit) in MEASURES.items():
        table = section.table(where)
        values = {row: table.number(row, heading) for row in table.labels}
        if OURS in values and len(values) > 1:
            found.append(Rank(title, values, OURS, more, unit))
    return found


def celery(section: Section) -> Glance:
    """Where Celery stands among the task queues."""
    rows = ranking(section)
    by_distance = sorted(rows, key=_distance)
    near, far = by_distance[0], by_distance[-1]
    return Glance(
        "Celery among other task queues",
        f"{OURS} comes closest to the best of {len(rows[0].order)} in “{near.title.lower()}” "
        f"({_compared(near)}), and is farthest from it in “{far.title.lower()}” ({_compared(far)}).",
        Plot(
            "glance-celery",
            " ".join(
                f"{row.title}: "
                + ", ".join(f"{name} {row.shown(name)}" for name in row.order)
                + f". {OURS} is number {row.place}."
                for row in rows
            ),
            chart.ranks(rows),
        ),
        f"The colored dot is {OURS}, and its value is above the line. The best value is on the right. Each "
        "line has its own logarithmic scale.",
    )


def _distance(row: Rank) -> float:
    """How many times worse ours is than the best: at least 1."""
    times = row.values[row.ours] / row.values[row.order[0]]
    return 1 / times if row.more_is_better else times


def _compared(row: Rank) -> str:
    best = row.order[0]
    shown = row.shown(row.ours)
    return (
        f"{shown}, the best of all" if best == row.ours else f"{shown} against {row.shown(best)} for {best}"
    )


def situation_of(table: Table) -> str:
    """ "JPEG, all at once" for the table "20 uploads of a JPEG, all at once"."""
    return re.sub(r"^.*uploads of an? ", "", table.title)


def listed(parts: list[str]) -> str:
    """For example "a, b and c"."""
    return ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0]
