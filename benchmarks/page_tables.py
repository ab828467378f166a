"""Combine the tables of a section so that the page shows fewer tables."""

from itertools import groupby

from benchmarks.overview import situation_of
from benchmarks.section import Cell, Section, Table
from benchmarks.visitor import SITES, TIMES

PERCENTS = ("p50", "p95", "p99")


def tables(section: Section) -> list[Table]:
    """Return the tables that the page shows for `section`.

    Tables with the same headings are combined into one table, with the title of each table in a bold row.
    """
    if section.name == "visitor":
        return [_by_site(section)]
    if section.name == "field":
        return [_by_library(section.tables[:-1]), section.tables[-1]]
    groups = [list(group) for _, group in groupby(section.tables, key=lambda table: table.headings)]
    return [group[0] if len(group) == 1 else _stacked(group) for group in groups]


def _stacked(parts: list[Table]) -> Table:
    headings, rows = parts[0].headings, []
    for table in parts:
        rows += [_title(table.title, headings), *table.rows]
    return Table("all measurements", headings, rows)


def _by_site(section: Section) -> Table:
    """Return a table with one column for each site, and one row for each kind of request."""
    headings = ["ms: " + " / ".join(PERCENTS), *SITES]
    rows: list[list[Cell]] = []
    for table in section.tables:
        rows.append(_title(situation_of(table), headings))
        rows += [[what, *(_percentiles(table, f"{what}, {site}") for site in SITES)] for what in TIMES]
    return Table("response times of the sites", headings, rows)


def _percentiles(table: Table, label: str) -> str:
    if label not in table.labels:
        return "–"
    return " / ".join(table.cell(label, percent) for percent in PERCENTS)


def _by_library(parts: list[Table]) -> Table:
    """Return a table with one column for each library, and one row for each value."""
    headings = ["", *parts[0].labels]
    rows: list[list[Cell]] = []
    for table in parts:
        rows.append(_title(table.title, headings))
        for place, heading in enumerate(table.headings[1:], start=1):
            rows.append([heading, *(row[place] for row in table.rows)])
    return Table("speed and memory by library", headings, rows)


def _title(words: str, headings: list[str]) -> list[Cell]:
    """Return a row that contains only a bold title."""
    return [f"**{words}**", *[""] * (len(headings) - 1)]
