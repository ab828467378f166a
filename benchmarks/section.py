"""The results of one measurement: tables, plots and goals, for the terminal and the page."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Cell = str | int | float


@dataclass(frozen=True)
class Goal:
    """A value, usually a ratio, and its limit.

    Attributes:
        what: What is compared.
        ratio: The measured value.
        limit: The smallest acceptable value, or the largest one if `at_most` is True.
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
        """The value with two digits. A missed goal gets a third one where two would look like the limit."""
        # 0.946 is not 0.95 where the goal is at least that.
        digits = 3 if not self.is_met and f"{self.ratio:.2f}" == f"{self.limit:.2f}" else 2
        return self._with_unit(f"{self.ratio:.{digits}f}")

    def __str__(self) -> str:
        return f"{self.what}: {self.result} (goal: {self.bound}, {'met' if self.is_met else 'MISSED'})"

    def _with_unit(self, number: str) -> str:
        return f"{number} {self.unit}".strip()


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        title: The title.
        headings: One for each column.
        rows: The cells. The first cell of a row is its label.
    """

    title: str
    headings: list[str]
    rows: list[list[Cell]]

    @classmethod
    def of(cls, title: str, columns: Mapping[str, Callable[[Any], Cell]], items: Iterable) -> "Table":
        """Return a table with a row for each item.

        Args:
            title: The title.
            columns: Functions that return the cell of an item, by heading.
            items: The items.
        """
        return cls(title, list(columns), [[cell(item) for cell in columns.values()] for item in items])

    def number(self, label: str, heading: str) -> float:
        """Return the number at the start of a cell, for example 37.7 for "37.7 (37.6–38.7)"."""
        return leading_number(self.cell(label, heading))

    def cell(self, label: str, heading: str) -> str:
        """Return the text of a cell.

        Raises:
            KeyError: There is no such row or column.
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
        KeyError: The cell doesn't start with a number.
    """
    number = re.match(r"[\d,]*\.?\d+", str(cell))
    if number is None:
        raise KeyError(f"The cell {cell!r} doesn't start with a number.")
    return float(number[0].replace(",", ""))


@dataclass(frozen=True)
class Plot:
    """A drawing.

    Attributes:
        name: The name of its file, without the ending.
        words: A description of what it shows.
        svg: The drawing, without a fixed size and in the page's colors.
    """

    name: str
    words: str
    svg: str


@dataclass(frozen=True)
class Section:
    """A section of the page, with the results of one measurement.

    Attributes:
        name: The name of the measurement.
        title: The heading.
        how: The method, in sentences.
        tables: The results.
        plots: Drawings of the results.
        goals: The results that have a limit.
        remarks: Explanations of the results and of missed goals.
        replaced: Earlier goals that a better one has replaced. The page names them only at its end.
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
            KeyError: There is no such table.
        """
        for table in self.tables:
            if table.title.startswith(title):
                return table
        raise KeyError(f"The section {self.name} has no table {title!r}.")

    @classmethod
    def of_json(cls, content: dict) -> "Section":
        """Return the section whose `dataclasses.asdict` is `content`."""
        parts = {"tables": Table, "plots": Plot, "goals": Goal, "replaced": Goal}
        return cls(
            **content | {name: [part(**each) for each in content[name]] for name, part in parts.items()}
        )
