"""The results of one measurement: tables, plots and goals, for the terminal and the page."""

from dataclasses import asdict, dataclass, field

from workshop.bench.figures import Goal

Cell = str | int | float


@dataclass(frozen=True)
class Table:
    """A table. headings: one for each column. rows: the first cell is the row's label."""

    title: str
    headings: list[str]
    rows: list[list[Cell]]


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
    goals.
    """

    name: str
    title: str
    how: str
    tables: list[Table] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def as_json(self) -> dict:
        return asdict(self)

    @classmethod
    def of_json(cls, content: dict) -> "Section":
        parts = {
            "tables": [Table(**each) for each in content["tables"]],
            "plots": [Plot(**each) for each in content["plots"]],
            "goals": [Goal(**each) for each in content["goals"]],
        }
        return cls(**content | parts)
