"""`./workshop diff`: compare the learner's copy with the solution, file by file."""

import codecs
import difflib
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from workshop import paths
from workshop.console import say, verbatim
from workshop.course import step_solution
from workshop.course.lessons import Step, named_steps
from workshop.course.project import Project
from workshop.course.project_files import README, contents, split_path
from workshop.errors import WorkshopError

COLORS = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True)
class FileDiff:
    """A file that differs from the solution.

    Attributes:
        lines: The unified diff from the learner's file to the solution.
        in_copy: Whether the learner's copy contains the file.
        in_solution: Whether the solution contains the file.
        steps: The IDs of the steps that change the file.
    """

    name: str
    lines: list[str]
    in_copy: bool
    in_solution: bool
    steps: list[str]

    @property
    def remark(self) -> str:
        """The numbers of added and removed lines, or a note if the file exists on only one side."""
        if not self.in_solution:
            return "only in your copy"
        if not self.in_copy:
            return "missing from your copy"
        starts = [line[:1] for line in self.lines[2:]]
        return f"+{starts.count('+')} -{starts.count('-')}"


def compare(project: Project, step: Step | None = None, name: str | None = None) -> list[FileDiff]:
    """Return the files that differ from the solution.

    Args:
        project: The learner's copy.
        step: The step to compare, or None for the whole lesson. If a step is given, only the files that the
            step changes are compared, and only with the solution to that step.
        name: The file to compare, or None for all files. The path is relative to the project, the current
            folder or the clone.

    Raises:
        WorkshopError: There is no solution, neither the copy nor the solution contains the file `name`, or
            `step` doesn't change this file.
    """
    solution = project.lesson.solution
    if not solution.is_dir():
        raise WorkshopError(f"There is no solution for {project.lesson.name}. Is this a complete clone?")
    mine, solved = contents(project.folder), contents(solution)
    if step is not None:
        solved |= step_solution.files_with_step(project, step)
    if name is not None:
        names = [split_path(name, (project.folder, solution))[1]]
        _refuse_other_files(project, step, names[0], mine.keys() | solved.keys())
    elif step is not None:
        names = sorted(step.files)
    else:
        names = sorted((mine.keys() | solved.keys()) - {README})
    return [
        _diff(project, name, mine.get(name), solved.get(name))
        for name in names
        if _text(mine.get(name)) != _text(solved.get(name))
    ]


def show(project: Project, step: Step | None = None, name: str | None = None) -> None:
    """Print a summary and the differences. The arguments and exceptions are the same as for `compare()`."""
    diffs = compare(project, step, name)
    solution = f"the solution to step {step.id}" if step else paths.shown(project.lesson.solution)
    if not diffs:
        where = f"{name}: " if name else ""
        same = "already has" if step else "is the same as"
        say(f"{where}{project.shown} {same} {solution}.")
        return
    say(f"{project.shown} compared with {solution}", style="bold")
    table = Table.grid(padding=(0, 2))
    for is_whole in (True, True, False, False):  # don't truncate file names
        table.add_column(no_wrap=is_whole)
    for diff in diffs:
        steps = named_steps(diff.steps) if diff.steps and step is None else ""
        table.add_row("", diff.name, diff.remark, Text(steps, style="dim"))
    say(table)
    for diff in diffs:
        # For a file that only the learner has, the name in the summary is enough.
        if diff.in_solution or name is not None:
            say("")
            for line in diff.lines:
                verbatim(line, _style(line))
    say("\n-  your copy   +  the solution", style="dim")


def _refuse_other_files(project: Project, step: Step | None, name: str, known: set[str]) -> None:
    if step is not None and name not in step.files:
        raise WorkshopError(
            f"Step {step.id} changes {', '.join(step.files)}, but not {name}.\n"
            f"To compare with the lesson's solution: ./workshop diff {project.lesson.code} {name}"
        )
    if name not in known:
        raise WorkshopError(
            f"There is no file {name} in {project.shown} or in {paths.shown(project.lesson.solution)}. "
            f"./workshop diff {project.lesson.code} lists the files that differ."
        )


def _text(content: bytes | None) -> list[bytes] | None:
    """Return the lines of a file without their line endings, which depend on the editor."""
    return None if content is None else content.removeprefix(codecs.BOM_UTF8).splitlines()


def _diff(project: Project, name: str, mine: bytes | None, solved: bytes | None) -> FileDiff:
    try:
        texts = [(content or b"").decode("utf-8-sig").splitlines() for content in (mine, solved)]
        labels = (f"{name}   your copy", f"{name}   solution")
        lines = list(difflib.unified_diff(*texts, *labels, lineterm=""))
    except UnicodeDecodeError:
        lines = [f"{name}: the contents differ, but they are not text."]
    steps = [step.id for step in project.lesson.steps if name in step.files]
    return FileDiff(name, lines, mine is not None, solved is not None, steps)


def _style(line: str) -> str:
    return "bold" if line.startswith(("+++ ", "--- ")) else COLORS.get(line[:1], "")
