"""Summarize each section in one or two sentences that are true no matter which alternative wins."""

from collections.abc import Callable

from benchmarks.overview import rankings, situation_of
from benchmarks.resize_variants import LIBVIPS, OURS
from benchmarks.section import Section
from benchmarks.visitor import BLOCKING, OFFLOADED
from workshop.console import listed


def sentence(section: Section) -> str:
    """Return the result of `section` in one or two sentences, or "" if there is no sentence for it."""
    return SENTENCES.get(section.name, lambda _: "")(section)


def _visitor(section: Section) -> str:
    times = []
    for table in section.tables:
        blocking, offloaded = (table.number(f"upload, {site}", "p50") for site in (BLOCKING, OFFLOADED))
        times.append(f"from {blocking:.0f} to {offloaded:.0f} ms ({situation_of(table)})")
    return f"Moving the resize to a worker changes the median upload time {listed(times)}."


def _queue(section: Section) -> str:
    table = section.table("Photos per second")
    shares = listed(
        f"{table.cell(row, table.headings[2])} as many {row.partition(':')[0]} photos"
        for row in table.labels
        if row.endswith(": broker, worker, database")
    )
    return (
        f"With a broker, a worker and a database, two processes resize {shares} per second as a process pool "
        "does."
    )


def _field(section: Section) -> str:
    measures: dict[int, list[str]] = {}
    rows = rankings(section)
    for row in rows:
        measures.setdefault(row.place, []).append(f"“{row.title.lower()}”")
    *most, last = (f"number {place} in {listed(titles)}" for place, titles in sorted(measures.items()))
    places = f"{', '.join(most)}, and {last}" if most else last
    return f"Of {len(rows[0].order)} setups, {rows[0].ours} is {places}."


def _resize(section: Section) -> str:
    ratios: dict[str, list[float]] = {}
    for table in section.tables:
        ours, libvips = (table.number(name, "ms (range)") for name in (OURS, LIBVIPS))
        ratios.setdefault(table.title.partition(",")[0], []).append(ours / libvips)
    ranges = listed(f"{_between(values)} times as long for {kind}" for kind, values in ratios.items())
    return f"Compared with libvips on one thread, our function takes {ranges}."


def _learner(section: Section) -> str:
    table = section.table("Seconds, by solution")
    first, last = (
        _between([table.number(row, heading) for row in table.labels], "s")
        for heading in ("save → first step", "save → last verdict")
    )
    ready = section.table("./workshop up").number("up", "until ready")
    return (
        f"Depending on the lesson, the first verdict appears {first} after a save, and the last verdict "
        f"{last} after the save. `./workshop up` is ready after {ready:.1f} s."
    )


def _growth(section: Section) -> str:
    table = section.tables[0]
    small, large = table.labels[1], table.labels[-1]
    changes = listed(
        f"{what} from {table.cell(small, heading)} to {table.cell(large, heading)}{unit}"
        for what, heading, unit in (
            ("the rate changes", "photos/s", " photos per second"),
            ("the worker's memory", "worker, MB", " MB"),
            ("the response time of the list's first page", "first page, ms", " ms"),
        )
    )
    return f"As the number of photos grows from {small} to {large}, {changes}."


def _between(values: list[float], unit: str = "") -> str:
    """Return the range of `values`, for example "1.2 to 3.4 s"."""
    digits = 1 if unit else 2
    low, high = f"{min(values):.{digits}f}", f"{max(values):.{digits}f}"
    return (low if low == high else f"{low} to {high}") + (f" {unit}" if unit else "")


SENTENCES: dict[str, Callable[[Section], str]] = {
    "visitor": _visitor,
    "queue": _queue,
    "field": _field,
    "resize": _resize,
    "learner": _learner,
    "growth": _growth,
}
