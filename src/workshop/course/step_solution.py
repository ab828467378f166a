"""The solution to a single step: the part of the lesson's solution that belongs to the step."""

import difflib
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from workshop.course import lessons
from workshop.course.lessons import Step
from workshop.course.project import Project
from workshop.course.project_files import content
from workshop.errors import WorkshopError
from workshop.system.environment import inherited

NEAR = 5
"""A change without a TODO belongs to the step whose TODO is at most this many lines above it."""


@dataclass(frozen=True)
class Hunk:
    """A block of lines that differs between starter and solution. `lines` replaces starter[start:end].

    Attributes:
        steps: The steps that the block belongs to. If this set is empty, the block belongs to every step that
            lists the file.
    """

    start: int
    end: int
    lines: list[str]
    steps: frozenset[str]

    def belongs_to(self, step: str) -> bool:
        """Return True if the solution to `step` (an id such as "3.2") contains the block."""
        return not self.steps or step in self.steps


def hunks(starter: str, solution: str) -> list[Hunk]:
    """Return the changes from the starter to the solution, each with the steps from its TODO comments."""
    before, after = starter.splitlines(keepends=True), solution.splitlines(keepends=True)
    changes: list[Hunk] = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, start, end, first, last in matcher.get_opcodes():
        if tag == "equal":
            continue
        steps = frozenset(lessons.todo_steps("".join(before[start:end])))
        if not steps and changes and start - changes[-1].end <= NEAR:
            steps = changes[-1].steps
        changes.append(Hunk(start, end, after[first:last], steps))
    return changes


def files_with_step(project: Project, step: Step) -> dict[str, bytes]:
    """Return the files that `step` changes: the learner's versions with the step's solution applied.

    Raises:
        WorkshopError: git, which merges the solution with the learner's changes, is missing or failed.
    """
    return {name: _file_with_step(project, step, name) for name in step.files}


def _file_with_step(project: Project, step: Step, name: str) -> bytes:
    lesson = project.lesson
    solution = (lesson.solution / name).read_bytes()
    starter, mine = content(lesson.folder / name), content(project.folder / name)
    if starter is None or not all(map(_is_text, (starter, solution, mine))):
        return solution
    start = starter.decode()
    changes = hunks(start, solution.decode())
    if mine is None:
        # Restore a deleted file with the solutions to all steps up to this one.
        steps = [other.id for other in lesson.steps[: lesson.steps.index(step) + 1]]
        return _applied(start, [hunk for hunk in changes if any(map(hunk.belongs_to, steps))])
    # An editor may have saved the file with Windows line endings. Without them, not every line conflicts.
    newline = b"\r\n" if b"\r\n" in mine else b"\n"
    mine = mine.replace(newline, b"\n")
    # Apply steps that are already done to both versions, so that they never conflict with this step.
    done = [hunk for hunk in changes if not hunk.belongs_to(step.id) and _is_done(hunk, start, mine.decode())]
    target = [hunk for hunk in changes if hunk in done or hunk.belongs_to(step.id)]
    return _merged(mine, _applied(start, done), _applied(start, target)).replace(b"\n", newline)


def _is_done(hunk: Hunk, starter: str, mine: str) -> bool:
    """Return True if the learner's text already contains the change.

    The text must contain the new lines of `hunk`. If the hunk only deletes lines, the text must not contain
    the deleted lines.
    """
    if hunk.lines:
        return "".join(hunk.lines) in mine
    return "".join(starter.splitlines(keepends=True)[hunk.start : hunk.end]) not in mine


def _applied(starter: str, chosen: list[Hunk]) -> bytes:
    lines = starter.splitlines(keepends=True)
    for hunk in reversed(chosen):
        lines[hunk.start : hunk.end] = hunk.lines
    return "".join(lines).encode()


def _merged(mine: bytes, base: bytes, target: bytes) -> bytes:
    """Apply the changes between `base` and `target` to `mine`. In a conflict, use the lines of `target`.

    Raises:
        WorkshopError: git is missing or failed.
    """
    if mine in (base, target):
        return target
    with tempfile.TemporaryDirectory() as folder:
        versions = {"mine": mine, "base": base, "target": target}
        for name, version in versions.items():
            Path(folder, name).write_bytes(version)
        command = ["git", "merge-file", "-p", "--theirs", *versions]
        try:
            merge = subprocess.run(command, cwd=folder, env=inherited(), capture_output=True, check=False)
        except FileNotFoundError as error:
            raise WorkshopError(
                "Applying the solution to a single step requires git, but git is not installed. Install git, "
                "or name the whole lesson instead of the step."
            ) from error
    if merge.returncode == -signal.SIGINT:
        raise KeyboardInterrupt  # the terminal also sends Ctrl-C to git
    if merge.returncode:
        raise WorkshopError(
            f"git could not merge the step's solution with your file (exit code {merge.returncode}):\n"
            f"{merge.stderr.decode(errors='replace').strip()}\n"
            "Until git works, name the whole lesson instead of the step."
        )
    return merge.stdout


def _is_text(content: bytes | None) -> bool:
    try:
        (content or b"").decode()
    except UnicodeDecodeError:
        return False
    return True
