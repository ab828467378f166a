"""What one measurement found: tables, plots and goals, for the terminal and for the page."""

from dataclasses import asdict, dataclass, field

from workshop.figures import Goal

Cell = str | int | float


@dataclass(frozen=True)
class Table:
    """headings: one for each column. rows: the first cell names the row."""

    title: str
    headings: list[str]
    rows: list[list[Cell]]


@dataclass(frozen=True)
class Plot:
    """A drawing, and in words what it shows. svg: without a size of its own, in the page's colours."""

    name: str
    words: str
    svg: str


@dataclass(frozen=True)
class Section:
    """name: of the measurement. how: what was done, in sentences. remarks: what the figures say, and what
    stands in the way of a goal that was missed."""

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
