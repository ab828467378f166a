"""Compare the learner's copy with the solution, file by file."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from workshop import paths
from workshop.console import say, verbatim
from workshop.course import playground, solve
from workshop.course.lessons import Lesson, Step
from workshop.course.project import Project
from workshop.errors import WorkshopError

COLORS = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True)
class FileDiff:
    """A file that differs from the solution.

    lines: the unified diff from the learner's file to the solution. mine, solved: whether each side has the
    file.
    """

    name: str
    lines: list[str]
    mine: bool
    solved: bool
    steps: list[str]

    @property
    def added(self) -> int:
        return sum(line.startswith("+") for line in self.lines[2:])

    @property
    def removed(self) -> int:
        return sum(line.startswith("-") for line in self.lines[2:])

    @property
    def remark(self) -> str:
        if self.mine and self.solved:
            return f"+{self.added} -{self.removed}"
        return "only in your copy" if self.mine else "missing in your copy"


def compare(project: Project, step: Step | None = None, name: str | None = None) -> list[FileDiff]:
    """Return the files that differ from the solution.

    step: only the files that this step changes. name: only this file.
    Raises WorkshopError if there is no solution, if neither side has the file, or if `step` doesn't change
    it.
    """
    solution = project.lesson.solution
    if not solution.is_dir():
        raise WorkshopError(f"There is no solution for {project.lesson.name}. Is this a complete clone?")
    mine = _contents(project.folder)
    solved = _contents(solution)
    if step is not None:
        solved |= solve.with_step(project, step)
    names = sorted((mine.keys() | solved.keys()) - {"README.md"})
    if step is not None:
        names = [each for each in names if each in step.files]
    if name is not None:
        names = [_within(project, name)]
        if step is not None and names[0] not in step.files:
            raise WorkshopError(
                f"Step {step.id} changes {', '.join(step.files)}, but not {names[0]}.\n"
                f"To compare with the lesson's solution: ./workshop diff {project.lesson.code} {names[0]}"
            )
        if names[0] not in mine and names[0] not in solved:
            raise WorkshopError(
                f"There is no file {name} in {project.shown} or in {paths.shown(solution)}. "
                f"./workshop diff {project.lesson.code} lists the files that differ."
            )
    found = [_diff(project.lesson, each, mine.get(each), solved.get(each)) for each in names]
    return [diff for diff in found if diff is not None]


def show(project: Project, step: Step | None = None, name: str | None = None) -> None:
    """Print a summary, then the differences. Raises WorkshopError as `compare()` does."""
    found = compare(project, step, name)
    solution = f"the solution of step {step.id}" if step else paths.shown(project.lesson.solution)
    if not found:
        where = f"{name}: " if name else ""
        same = "already has" if step else "is the same as"
        say(f"{where}{project.shown} {same} {solution}.")
        return
    say(f"{project.shown} compared with {solution}", style="bold")
    table = Table.grid(padding=(0, 2))
    for is_whole in (True, True, False, False):  # don't truncate file names
        table.add_column(no_wrap=is_whole)
    for diff in found:
        steps = f"step {', '.join(diff.steps)}" if diff.steps and step is None else ""
        table.add_row("", diff.name, diff.remark, Text(steps, style="dim"))
    say(table)
    for diff in found:
        # For a file that only the learner has, the name in the summary is enough.
        if diff.solved or name is not None:
            say("")
            for line in diff.lines:
                verbatim(line, _style(line))
    say("\n-  your copy   +  the solution", style="dim")


def _contents(folder: Path) -> dict[str, bytes | None]:
    return {name: file.read_bytes() for name, file in playground.files(folder).items()}


def _diff(lesson: Lesson, name: str, mine: bytes | None, solved: bytes | None) -> FileDiff | None:
    if mine == solved:
        return None
    try:
        texts = [(content or b"").decode().splitlines() for content in (mine, solved)]
        labels = (f"{name}   your copy", f"{name}   solution")
        lines = list(difflib.unified_diff(*texts, *labels, lineterm=""))
    except UnicodeDecodeError:
        lines = [f"{name}: the contents differ and are not text."]
    steps = [step.id for step in lesson.steps if name in step.files]
    return FileDiff(name, lines, mine is not None, solved is not None, steps)


def _within(project: Project, name: str) -> str:
    """Return `name` relative to the project if it is a path to a file in the project."""
    for folder in (Path.cwd(), paths.ROOT):
        file = (folder / name).absolute()
        for root in (project.folder, project.lesson.solution):
            if file.is_relative_to(root):
                return file.relative_to(root).as_posix()
    return name


def _style(line: str) -> str:
    return "bold" if line.startswith(("+++ ", "--- ")) else COLORS.get(line[:1], "")
