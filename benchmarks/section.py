"""The results of one measurement: tables, plots and goals, for the terminal and the page."""

import re
from dataclasses import asdict, dataclass, field

from benchmarks.measuring import Goal

Cell = str | int | float


@dataclass(frozen=True)
class Table:
    """A table. headings: one for each column. rows: the first cell is the row's label."""

    title: str
    headings: list[str]
    rows: list[list[Cell]]

    def number(self, row: str, heading: str) -> float:
        """The number at the start of a cell, for example 37.7 in "37.7 (37.6–38.7)", or KeyError."""
        return leading(self.cell(row, heading))

    def cell(self, row: str, heading: str) -> str:
        """The text of a cell. Raises KeyError if there is no such row or column."""
        for each in self.rows:
            if each[0] == row and heading in self.headings:
                return str(each[self.headings.index(heading)])
        raise KeyError(f"The table {self.title!r} has no cell {row!r}, {heading!r}.")

    @property
    def labels(self) -> list[str]:
        """The first cell of each row."""
        return [str(row[0]) for row in self.rows]


def leading(cell: Cell) -> float:
    """The number at the start of `cell`. Raises KeyError if it doesn't start with a number."""
    found = re.match(r"[\d,]*\.?\d+", str(cell))
    if found is None:
        raise KeyError(f"The cell {cell!r} doesn't start with a number.")
    return float(found[0].replace(",", ""))


@dataclass(frozen=True)
class Plot:
    """A drawing and its description in `words`. svg: without a fixed size, in the page's colors."""

    name: str
    words: str
    svg: str


@dataclass(frozen=True)
class Section:
    """A section of the page.

    name: the measurement. how: the method, in sentences. remarks: explanations of the results and of missed
    goals. replaced: earlier goals that a better one has replaced. The page names them only at its end.
    """

    name: str
    title: str
    how: str
    tables: list[Table] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    replaced: list[Goal] = field(default_factory=list)

    def table(self, title: str) -> Table:
        """The first table whose title starts with `title`. Raises KeyError if there is none."""
        for table in self.tables:
            if table.title.startswith(title):
                return table
        raise KeyError(f"The section {self.name} has no table {title!r}.")

    def as_json(self) -> dict:
        return asdict(self)

    @classmethod
    def of_json(cls, content: dict) -> "Section":
        parts = {
            "tables": [Table(**each) for each in content["tables"]],
            "plots": [Plot(**each) for each in content["plots"]],
            "goals": [Goal(**each) for each in content["goals"]],
            "replaced": [Goal(**each) for each in content.get("replaced", [])],
        }
        return cls(**content | parts)
