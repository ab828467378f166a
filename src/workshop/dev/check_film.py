"""The film of `./workshop check`: a step fails, its code is corrected, and the check passes."""

import difflib
import re

from workshop.dev.film import Moment
from workshop.dev.terminal_page import COLUMNS
from workshop.errors import WorkshopError
from workshop.transcripts.output_text import ANSI, selected
from workshop.transcripts.stage import Stage

STEP, BEFORE, FILE = "3.7", "3.6", "images/tasks.py"
CHECK = f"./workshop check {STEP}"
DROPPED = r"^    |step \S+ · [\d.]+ s"
"""Lines of a check that the film leaves out: what was expected and found, and how long this machine took."""
COLORED = {"NO_COLOR": "", "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)}
CURSOR = re.compile(r"\x1b\[\?25[lh]")


def moments() -> list[Moment]:
    """Run the check in a learner's copy of the lesson, before and after the step is solved.

    Raises WorkshopError if the check passes too soon or not at all, or if an earlier step does not pass.
    """
    with Stage(STEP[:1].zfill(2), f"after {BEFORE}", env=COLORED) as stage:
        file = stage.copy.project.folder / FILE
        _pass_earlier_steps(stage)
        red = _checked(stage, "✗")
        old = file.read_text(encoding="utf-8")
        stage.run(f"./workshop solve {STEP}", cwd=".")
        change = list(_added(old, file.read_text(encoding="utf-8")))
        green = _checked(stage, "✓")
    command = f"\x1b[1m$ {CHECK}\x1b[0m"
    edit = [f"\x1b[1m# {FILE}\x1b[0m", *change, ""]
    screens = [
        (400, [command]),
        (1800, [command, *red, ""]),
        (1200, [command, *red, "", *edit]),
        (400, [command, *red, "", *edit, command]),
        (1200, [command, *red, "", *edit, command, *green]),
    ]
    return [Moment(milliseconds, "\n".join(lines)) for milliseconds, lines in screens]


def _pass_earlier_steps(stage: Stage) -> None:
    """Check the whole lesson once, as a learner has, so that the film ends with the next step."""
    said = ANSI.sub("", stage.run("./workshop check", cwd="."))
    earlier = [step.id for step in stage.lesson.core if step.id < STEP]
    if failed := [each for each in earlier if f"✓ {each} " not in said]:
        raise WorkshopError(f"Step {', '.join(failed)} does not pass. Record the films again.\n{said}")


def _checked(stage: Stage, sign: str) -> list[str]:
    """The lines of the check, shortened. Raises WorkshopError if the step has another sign."""
    said = CURSOR.sub("", stage.run(CHECK, cwd="."))
    if not re.search(rf"{sign}\S* {re.escape(STEP)} ", said):
        raise WorkshopError(f"{CHECK} does not show {sign}:\n{said}")
    return selected(said.rstrip().splitlines(), drop=DROPPED, gap="    …")


def _added(old: str, new: str):
    """The lines that the step adds, in green."""
    for line in difflib.unified_diff(old.splitlines(), new.splitlines(), n=0):
        if line.startswith("+") and not line.startswith("+++"):
            yield f"\x1b[32m{line}\x1b[0m"
