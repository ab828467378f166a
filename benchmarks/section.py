"""The results of one measurement: tables, plots and goals, for the terminal and the page."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Cell = str | int | float


@dataclass(frozen=True)
class Goal:
    """A measured value, usually a ratio, and its limit.

    Attributes:
        what: A description of the value or of the comparison.
        ratio: The measured value.
        limit: The smallest acceptable value, or the largest acceptable value if `at_most` is True.
        at_most: Whether `limit` is an upper limit.
        unit: The unit of a value that isn't a ratio, such as "s".
    """

    what: str
    ratio: float
    limit: float
    at_most: bool = False
    unit: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the value is within the limit."""
        return self.ratio <= self.limit if self.at_most else self.ratio >= self.limit

    @property
    def bound(self) -> str:
        """The limit in words, for example "at most 1.5"."""
        return f"at {'most' if self.at_most else 'least'} {self._with_unit(f'{self.limit:g}')}"

    @property
    def result(self) -> str:
        """The value with two decimals, or three if a value that misses the limit would look equal to it."""
        # For example, 0.946 misses the goal "at least 0.95", but with two decimals it would look like 0.95.
        digits = 3 if not self.is_met and f"{self.ratio:.2f}" == f"{self.limit:.2f}" else 2
        return self._with_unit(f"{self.ratio:.{digits}f}")

    def __str__(self) -> str:
        return f"{self.what}: {self.result} (goal: {self.bound}, {'met' if self.is_met else 'MISSED'})"

    def _with_unit(self, number: str) -> str:
        return f"{number} {self.unit}".strip()


@dataclass(frozen=True)
class Table:
    """A table with results.

    Attributes:
        title: The title of the table.
        headings: The heading of each column.
        rows: The cells of each row. The first cell is the label of the row.
    """

    title: str
    headings: list[str]
    rows: list[list[Cell]]

    @classmethod
    def of(cls, title: str, columns: Mapping[str, Callable[[Any], Cell]], items: Iterable) -> "Table":
        """Return a table with a row for each item.

        Args:
            title: The title of the table.
            columns: For each heading, a function that returns the cell for an item.
            items: The items to show.
        """
        return cls(title, list(columns), [[cell(item) for cell in columns.values()] for item in items])

    def number(self, label: str, heading: str) -> float:
        """Return the number at the start of a cell, for example 37.7 for "37.7 (37.6–38.7)"."""
        return leading_number(self.cell(label, heading))

    def cell(self, label: str, heading: str) -> str:
        """Return the text of a cell.

        Raises:
            KeyError: If the table has no such row or column.
        """
        for row in self.rows:
            if row[0] == label and heading in self.headings:
                return str(row[self.headings.index(heading)])
        raise KeyError(f"The table {self.title!r} has no cell {label!r}, {heading!r}.")

    @property
    def labels(self) -> list[str]:
        """The first cell of each row."""
        return [str(row[0]) for row in self.rows]


def leading_number(cell: Cell) -> float:
    """Return the number at the start of `cell`.

    Raises:
        KeyError: If the cell doesn't start with a number.
    """
    number = re.match(r"[\d,]*\.?\d+", str(cell))
    if number is None:
        raise KeyError(f"The cell {cell!r} doesn't start with a number.")
    return float(number[0].replace(",", ""))


@dataclass(frozen=True)
class Plot:
    """A drawing of results.

    Attributes:
        name: The name of the drawing's file, without the extension.
        words: A description of what the drawing shows.
        svg: The drawing as SVG, without a fixed size and in the colors of the page.
    """

    name: str
    words: str
    svg: str


@dataclass(frozen=True)
class Section:
    """A section of the page, with the results of one measurement.

    Attributes:
        name: The name of the measurement.
        title: The heading of the section.
        how: A description of the method.
        tables: The tables with the results.
        plots: Drawings of the results.
        goals: The results that have a limit.
        remarks: Explanations of the results and of missed goals.
        replaced: Earlier goals that were replaced with better ones. The page lists them below the goals.
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
        """Return the first table whose title starts with `title`.

        Raises:
            KeyError: If the section has no such table.
        """
        for table in self.tables:
            if table.title.startswith(title):
                return table
        raise KeyError(f"The section {self.name} has no table {title!r}.")

    @classmethod
    def of_json(cls, content: dict) -> "Section":
        """Return the section that `dataclasses.asdict` converted to `content`."""
        parts = {"tables": Table, "plots": Plot, "goals": Goal, "replaced": Goal}
        return cls(
            **content | {name: [part(**each) for each in content[name]] for name, part in parts.items()}
        )
