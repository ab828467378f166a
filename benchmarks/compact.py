"""The tables of a section, rearranged so that the page shows few of them."""

from itertools import groupby

from benchmarks.glance import situation_of
from benchmarks.section import Cell, Section, Table
from benchmarks.visitor import PICKS, SITES

PERCENTS = ("p50", "p95", "p99")


def tables(section: Section) -> list[Table]:
    """The tables to show. Tables with the same headings become one, with a bold row for each title."""
    if section.name == "visitor":
        return [_by_site(section)]
    if section.name == "field":
        return [_by_library(section.tables[:-1]), section.tables[-1]]
    same = [list(each) for _, each in groupby(section.tables, key=lambda table: table.headings)]
    return [several[0] if len(several) == 1 else _stacked(several) for several in same]


def _stacked(several: list[Table]) -> Table:
    headings, rows = several[0].headings, []
    for table in several:
        rows += [_title(table.title, headings), *table.rows]
    return Table("all measurements", headings, rows)


def _by_site(section: Section) -> Table:
    """One column for each site, and one row for each kind of request."""
    labels = {label for table in section.tables for label in table.labels}
    sites = [site for site in SITES if any(label.endswith(f", {site}") for label in labels)]
    headings = ["ms: " + " / ".join(PERCENTS), *sites]
    rows: list[list[Cell]] = []
    for table in section.tables:
        rows.append(_title(situation_of(table), headings))
        for what in PICKS:
            cells = [_percentiles(table, f"{what}, {site}") for site in sites]
            if any(cells):
                rows.append([what, *(cell or "–" for cell in cells)])
    return Table("response times of the sites", headings, rows)


def _percentiles(table: Table, label: str) -> str:
    if label not in table.labels:
        return ""
    return " / ".join(table.cell(label, percent) for percent in PERCENTS)


def _by_library(several: list[Table]) -> Table:
    """One column for each library, and one row for each value."""
    libraries = several[0].labels
    rows: list[list[Cell]] = []
    for table in several:
        rows.append(_title(table.title, ["", *libraries]))
        for place, heading in enumerate(table.headings[1:], start=1):
            rows.append([heading, *(row[place] for row in table.rows)])
    return Table("speed and memory by library", ["", *libraries], rows)


def _title(words: str, headings: list[str]) -> list[Cell]:
    """A row that contains only a bold title."""
    return [f"**{words}**", *[""] * (len(headings) - 1)]
