"""Estimate how long a learner needs for each step, based on its words, questions, commands and code.

The reading time depends on the number of words on the page, including terminal output. The other rates were
chosen so that the total time, including 20 minutes for each notebook, matches an estimate of nine hours for
an earlier version of the lessons. The model has not been tested with a group of learners yet. Folded boxes
are ignored unless they contain a question.
"""

import math
import re
from dataclasses import astuple, dataclass
from pathlib import Path

from rich.table import Table

from workshop import paths
from workshop.console import say
from workshop.course import lessons, step_solution
from workshop.course.lessons import Lesson, Step
from workshop.docsite import snippets
from workshop.system import atomic_file

WORDS_A_MINUTE = 180
"""People read prose at about 240 words a minute, but technical text and terminal output take longer."""
MINUTES_A_PREDICTION = 1.0
MINUTES_A_COMMAND = 0.5
"""The time in minutes to type a command, wait for it to finish, and read its output."""
MINUTES_A_LINE = 0.75
"""The time in minutes to plan, write and correct a line of code."""
_FOLDED = re.compile(r"^\?\?\?\+? (?!question)\w+.*\n(?:(?: {4}.*)?\n)*", re.M)


@dataclass(frozen=True)
class Effort:
    """The effort that a part of a lesson requires.

    Attributes:
        words: The number of words to read.
        predictions: The number of questions to answer.
        commands: The number of commands to type.
        lines: The number of lines of code to write.
    """

    words: int
    predictions: int = 0
    commands: int = 0
    lines: int = 0

    @property
    def minutes(self) -> int:
        """The estimated time in minutes, rounded up."""
        return math.ceil(
            self.words / WORDS_A_MINUTE
            + self.predictions * MINUTES_A_PREDICTION
            + self.commands * MINUTES_A_COMMAND
            + self.lines * MINUTES_A_LINE
        )


def of_lesson(lesson: Lesson) -> dict[str, Effort]:
    """Return the effort for each step of a lesson, by step ID. The key "" is for text outside the steps."""
    around, *sections = re.split(r"^(?=### \d+\.\d+ )", lesson.text.read_text(encoding="utf-8"), flags=re.M)
    if sections:
        sections[-1], heading, end = sections[-1].partition("\n## ")
        around += heading + end
    texts = {re.match(r"### (\S+)", section)[1]: section for section in sections}
    return {"": _read(around)} | {step.id: _of_step(lesson, step, texts[step.id]) for step in lesson.steps}


def show() -> bool:
    """Print the estimates for all lessons.

    Returns:
        True if all manifests contain the estimated minutes.
    """
    table = Table(box=None, padding=(0, 1))
    table.add_column("step", no_wrap=True)
    for title in ("words", "questions", "commands", "lines", "minutes", "toml"):
        table.add_column(title, justify="right", no_wrap=True)
    same, core, everything = True, 0, 0
    for lesson in lessons.all_lessons():
        for id, effort in of_lesson(lesson).items():
            step = lesson.step(id) if id else None
            written = step.minutes if step else lesson.reading
            same = same and written == effort.minutes
            everything += effort.minutes
            core += 0 if step and step.optional else effort.minutes
            name = id + " optional" * step.optional if step else f"{lesson.code}  opening and end"
            table.add_row(name, *map(str, (*astuple(effort), effort.minutes, written)))
    say(table)
    hours = [f"{minutes // 60} h {minutes % 60:02} min" for minutes in (core, everything)]
    say(f"\nThe core path takes {hours[0]}. With all optional steps, it takes {hours[1]}.")
    return same


def write() -> None:
    """Write the estimates to every lesson.toml and to the README's table."""
    for lesson in lessons.all_lessons():
        efforts = of_lesson(lesson)
        manifest = lesson.folder / "lesson.toml"
        _replace(manifest, r"^reading = \d+$", f"reading = {efforts[''].minutes}")
        for step in lesson.steps:
            entry = rf'(^id = "{re.escape(step.id)}"\n(?:(?!\[\[).*\n)*?^minutes = )\d+$'
            _replace(manifest, entry, rf"\g<1>{efforts[step.id].minutes}")
        updated = lessons.read(lesson.folder)
        row = rf"^(\| {lesson.code} \|.*\| )\d+ \| \d+ \|$"
        _replace(paths.ROOT / "README.md", row, rf"\g<1>{columns(updated)}")


def columns(lesson: Lesson) -> str:
    """Return the last two columns of the README's table: the minutes without and with the optional steps."""
    return f"{lesson.minutes} | {lesson.all_minutes} |"


def _replace(file: Path, pattern: str, replacement: str) -> None:
    text = file.read_text(encoding="utf-8")
    atomic_file.write_text(file, re.sub(pattern, replacement, text, count=1, flags=re.M))


def _of_step(lesson: Lesson, step: Step, section: str) -> Effort:
    read = _read(section)
    todos, lines = _todos_and_code(lesson, step)
    return Effort(read.words + todos, read.predictions, read.commands + 1, lines)  # plus one for the check


def _read(text: str) -> Effort:
    """Return the effort for a part of a page, without its folded boxes."""
    open_text = _FOLDED.sub("", text)
    shown = "\n".join(snippets.Snippets().with_code(open_text.splitlines()))
    shown = re.sub(r"<figure.*?</figure>", "", shown, flags=re.S)
    blocks = re.findall(r"^ *```console\n(.*?)^ *```", open_text, re.M | re.S)
    commands = re.findall(r"^\s*\$ ", "".join(blocks), re.M)
    predictions = open_text.count("**Before you read on:**") + open_text.count("??? question")
    return Effort(_words(shown), predictions, len(commands))


def _words(text: str) -> int:
    return sum(any(map(str.isalpha, word)) for word in text.split())


def _todos_and_code(lesson: Lesson, step: Step) -> tuple[int, int]:
    """Return the number of words in the TODOs of a step, and the number of code lines in its solution."""
    todos = lines = 0
    for name in step.files:
        files = [folder / name for folder in (lesson.folder, lesson.solution)]
        starter, solution = (file.read_text(encoding="utf-8") if file.is_file() else "" for file in files)
        first = next(other for other in lesson.steps if name in other.files)
        for hunk in step_solution.hunks(starter, solution):
            # A change without a TODO counts toward the first step that changes the file.
            if step.id not in (hunk.steps or [first.id]):
                continue
            removed = starter.splitlines()[hunk.start : hunk.end]
            comments = [line for line in removed if "TODO" in line or line.lstrip().startswith("#")]
            todos += _words("\n".join(comments))
            lines += sum(bool(line.strip()) for line in hunk.lines)
    return todos, lines
