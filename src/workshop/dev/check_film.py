"""The film of `./workshop check`: a step fails, its code is corrected, and the step passes."""

import difflib
import re
from collections.abc import Iterator

from workshop.course import lessons
from workshop.dev.film import Moment
from workshop.dev.terminal_picture import COLUMNS
from workshop.errors import WorkshopError
from workshop.transcripts.output_text import ANSI, Selection
from workshop.transcripts.stage import Stage

STEP, BEFORE, FILE = "3.7", "3.6", "images/tasks.py"
CHECK = f"./workshop check {STEP}"
SHOWN = Selection(drop=r"^    |step \S+ · [\d.]+ s", gap="    …")
"""The film leaves out what a check expected and observed, and how long the check took on this machine."""
COLORED = {"NO_COLOR": "", "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)}
CURSOR = re.compile(r"\x1b\[\?25[lh]")


def moments() -> list[Moment]:
    """Run the check in a learner's copy of the lesson, before and after the step is solved.

    Raises:
        WorkshopError: The check passes too soon or not at all, or an earlier step does not pass.
    """
    with Stage(STEP[:1], f"after {BEFORE}", env=COLORED) as stage:
        file = stage.copy.project.folder / FILE
        _pass_earlier_steps(stage)
        failed = _checked(stage, "✗")
        old = file.read_text(encoding="utf-8")
        stage.run(f"./workshop solve {STEP}", cwd=".")
        change = _added(old, file.read_text(encoding="utf-8"))
        passed = _checked(stage, "✓")
    command = [f"\x1b[1m$ {CHECK}\x1b[0m"]
    first_check = [*command, *failed, ""]
    edit = [f"\x1b[1m# {FILE}\x1b[0m", *change, ""]
    screens = [
        (400, command),
        (1800, first_check),
        (1200, first_check + edit),
        (400, first_check + edit + command),
        (1200, first_check + edit + command + passed),
    ]
    return [Moment(milliseconds, "\n".join(lines)) for milliseconds, lines in screens]


def _pass_earlier_steps(stage: Stage) -> None:
    """Check the whole lesson once, as a learner would, so that the last check names the next step.

    Raises:
        WorkshopError: An earlier step does not pass.
    """
    output = ANSI.sub("", stage.run("./workshop check", cwd="."))
    earlier = [step.id for step in lessons.find(stage.lesson).core if step.id < STEP]
    if failed := [step for step in earlier if f"✓ {step} " not in output]:
        raise WorkshopError(f"Step {', '.join(failed)} does not pass. Record the films again.\n{output}")


def _checked(stage: Stage, sign: str) -> list[str]:
    """Run the check, and return the shortened lines of its output.

    Raises:
        WorkshopError: The output does not show the expected symbol next to the step.
    """
    output = CURSOR.sub("", stage.run(CHECK, cwd="."))
    if not re.search(rf"{sign}\S* {re.escape(STEP)} ", output):
        raise WorkshopError(f"{CHECK} does not show {sign}:\n{output}")
    return SHOWN.of(output.rstrip().splitlines())


def _added(old: str, new: str) -> Iterator[str]:
    """Yield the lines that the step adds, in green."""
    for line in difflib.unified_diff(old.splitlines(), new.splitlines(), n=0):
        if line.startswith("+") and not line.startswith("+++"):
            yield f"\x1b[32m{line}\x1b[0m"
