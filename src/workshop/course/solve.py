"""Apply the solution of a step or of a whole lesson to the learner's copy, with a backup."""

import difflib
import hashlib
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from workshop import paths
from workshop.course import lessons, playground, unfinished
from workshop.course.lessons import Lesson, Step
from workshop.course.project import Project
from workshop.errors import WorkshopError, reason
from workshop.system import atomic_file
from workshop.system.environment import inherited

NEAR = 5
"""A change without a TODO belongs to the step whose TODO is at most this many lines above it."""


@dataclass(frozen=True)
class Hunk:
    """A block of lines that differs between starter and solution: starter[start:end] becomes `lines`.

    steps: the steps that the block belongs to. Empty means every step that lists the file.
    """

    start: int
    end: int
    lines: list[str]
    steps: frozenset[str]

    def belongs_to(self, step: str) -> bool:
        return not self.steps or step in self.steps


@dataclass
class Solved:
    """The result of a solve: the files by what happened to them, and the backup of the existing ones."""

    changed: list[str] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    backup: Path | None = None

    def __bool__(self) -> bool:
        return bool(self.changed or self.created or self.removed)


def solve_step(project: Project, step: Step) -> Solved:
    """Apply the solution of `step`.

    The learner's other changes are kept unless they conflict with the solution.
    """
    _refuse_solutions(project)
    return _write(project, with_step(project, step), f"{project.lesson.name}-before-{step.id}")


def with_step(project: Project, step: Step) -> dict[str, bytes | None]:
    """Return the learner's files of `step` with the solution applied; None for a deleted file."""
    return {name: _file_with_step(project, step, name) for name in step.files}


def solve_lesson(project: Project) -> Solved:
    """Apply the solution of every step: replace each listed file with the solution's file."""
    _refuse_solutions(project)
    names = dict.fromkeys(name for step in project.lesson.steps for name in step.files)
    wanted = {name: _read(project.lesson.solution / name) for name in names}
    return _write(project, wanted, f"{project.lesson.name}-before-solve")


def words(project: Project, step: Step | None, done: Solved) -> str:
    """Return a message about `done`, with the next command."""
    what = f"Step {step.id}" if step else f"Lesson {project.lesson.name}"
    if not done:
        return f"{what} is already solved in {project.shown}. Nothing was changed."
    lines = [f"{what} is solved in {project.shown}."]
    for verb, names in (("changed", done.changed), ("created", done.created), ("removed", done.removed)):
        lines += [f"  {verb}  {name}" for name in names]
    if done.backup:
        lines.append(f"Backup of your files: {paths.shown(done.backup)}")
    lines.append(f"Next: ./workshop check {step.id if step else project.lesson.code}")
    return "\n".join(lines)


def hunks(starter: str, solution: str) -> list[Hunk]:
    """Return the changes from starter to solution, with the steps in their TODO comments."""
    before, after = starter.splitlines(keepends=True), solution.splitlines(keepends=True)
    found: list[Hunk] = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, start, end, first, last in matcher.get_opcodes():
        if tag == "equal":
            continue
        steps = frozenset(lessons.todo_steps("".join(before[start:end])))
        if not steps and found and start - found[-1].end <= NEAR:
            steps = found[-1].steps
        found.append(Hunk(start, end, after[first:last], steps))
    return found


def applied(starter: str, chosen: list[Hunk]) -> str:
    """Return `starter` with the `chosen` hunks applied."""
    lines = starter.splitlines(keepends=True)
    for hunk in reversed(chosen):
        lines[hunk.start : hunk.end] = hunk.lines
    return "".join(lines)


def _file_with_step(project: Project, step: Step, name: str) -> bytes | None:
    """Return the learner's file `name` with `step` solved; None if the solution has no such file."""
    lesson = project.lesson
    starter, solution, mine = (
        _read(folder / name) for folder in (lesson.folder, lesson.solution, project.folder)
    )
    if solution is None or starter is None or not all(map(_is_text, (starter, solution, mine))):
        return solution
    start = starter.decode()
    found = hunks(start, solution.decode())
    if mine is None:
        # Restore a deleted file with all steps up to this one.
        reached = _ids_up_to(lesson, step)
        return applied(start, [hunk for hunk in found if any(map(hunk.belongs_to, reached))]).encode()
    # Put steps that are already done into both versions, so that they never conflict with this step.
    done = [hunk for hunk in found if not hunk.belongs_to(step.id) and _is_done(hunk, start, mine.decode())]
    target = [hunk for hunk in found if hunk in done or hunk.belongs_to(step.id)]
    return _merged(mine, applied(start, done).encode(), applied(start, target).encode())


def _is_done(hunk: Hunk, starter: str, mine: str) -> bool:
    """Return True if the learner's text contains the lines of `hunk`, or lacks the lines that it deletes."""
    if hunk.lines:
        return "".join(hunk.lines) in mine
    return "".join(starter.splitlines(keepends=True)[hunk.start : hunk.end]) not in mine


def _merged(mine: bytes, base: bytes, target: bytes) -> bytes:
    """Apply the changes from base to target to `mine`. If both changed the same lines, the target wins."""
    if mine in (base, target):
        return target
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("mine", "base", "target")]
        for file, content in zip(files, (mine, base, target), strict=True):
            file.write_bytes(content)
        command = ["git", "merge-file", "-p", "--theirs", *map(str, files)]
        try:
            run = subprocess.run(command, env=inherited(), capture_output=True, check=False)
        except FileNotFoundError as error:
            raise WorkshopError(
                "Applying the solution of a single step requires git, but git is not installed. Install git, "
                "or name the whole lesson instead of the step."
            ) from error
    if run.returncode == -signal.SIGINT:
        raise KeyboardInterrupt  # the terminal also sends Ctrl-C to git
    if run.returncode:
        raise WorkshopError(
            "git could not merge the step's solution with your file: git exited with code "
            f"{run.returncode}:\n"
            f"{run.stderr.decode(errors='replace').strip()}\n"
            "Until git works, name the whole lesson instead of the step."
        )
    return run.stdout


def _write(project: Project, wanted: dict[str, bytes | None], backup_name: str) -> Solved:
    """Write all files in `wanted`, or none: if one can't be written, the others are restored.

    wanted: name -> content; None for a file to delete. Raises WorkshopError if the operating system refuses.
    """
    _refuse_packages(project, wanted)
    done = Solved()
    with unfinished.alone():
        try:
            _write_all(done, project.folder, wanted, backup_name)
        except OSError as error:
            raise WorkshopError(
                f"The solution could not be written to {project.shown}. {reason(error)}\n"
                + (
                    "Some files may contain the solution and others may not. The next ./workshop command "
                    "fixes that."
                    if unfinished.file().exists()
                    else "Your files are unchanged."
                )
                + (f" A backup of your files: {paths.shown(done.backup)}" if done.backup else "")
            ) from error
    return done


def _refuse_packages(project: Project, wanted: dict[str, bytes | None]) -> None:
    """Raise WorkshopError if a package with the same name would hide a module of the solution."""
    for name in wanted:
        package = (project.folder / name).with_suffix("")
        if name.endswith(".py") and (package / "__init__.py").is_file():
            raise WorkshopError(
                f"{paths.shown(package)} is a package. Python would import it, not the solution's {name}.\n"
                "Move the folder out of the project, then run the command again."
            )


def _write_all(done: Solved, folder: Path, wanted: dict[str, bytes | None], backup_name: str) -> None:
    """Write the files, and record in `done` what happened to them."""
    for name, content in wanted.items():
        now = _read(folder / name)
        if now == content:
            continue
        (done.created if now is None else done.removed if content is None else done.changed).append(name)
    if not done:
        return
    done.backup = _kept(folder, done.changed + done.removed, backup_name)
    digests = {name: _digest(wanted[name]) for name in done.changed + done.created + done.removed}
    backup = str(done.backup) if done.backup else None
    unfinished.begin("solve", folder=str(folder), backup=backup, digests=digests)
    try:
        for name in digests:
            file, content = folder / name, wanted[name]
            if content is None:
                file.unlink()
            else:
                atomic_file.write_bytes(file, content)
    except BaseException:
        _put_back(folder, done.backup, digests)
        unfinished.end()
        raise
    unfinished.end()


def take_back(folder: Path, backup: Path | None, digests: dict[str, str | None]) -> str:
    """Undo an interrupted solve, and return a message; "" if no file had been changed.

    backup: the files before the solve. digests: the hashes of the solution's files. A file that was changed
    after the solve is left alone.
    """
    if not _put_back(folder, backup, digests):
        return ""
    return "./workshop solve was interrupted, so its changes were undone. Run it again to get the solution."


def _put_back(folder: Path, backup: Path | None, digests: dict[str, str | None]) -> bool:
    """Restore the files that have the solution's content. Returns True if there were any."""
    found = [name for name, digest in digests.items() if _digest(_read(folder / name)) == digest]
    for name in found:
        if backup and (backup / name).is_file():
            atomic_file.copy(backup / name, folder / name)
        else:
            (folder / name).unlink(missing_ok=True)
    return bool(found)


def _kept(folder: Path, names: list[str], backup_name: str) -> Path | None:
    """Back up the files `names`. Returns the folder, or None if none of them exists."""
    if not names:
        return None
    backup = playground.backup_folder(backup_name)
    try:
        for name in names:
            atomic_file.copy(folder / name, backup / name)
    except BaseException:
        shutil.rmtree(backup, ignore_errors=True)
        raise
    return backup


def _digest(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()


def _refuse_solutions(project: Project) -> None:
    if not project.lesson.solution.is_dir():
        raise WorkshopError(f"There is no solution for {project.lesson.name}. Is this a complete clone?")
    if project.folder.is_relative_to(paths.SOLUTIONS):
        raise WorkshopError(
            f"{project.shown} is the solution itself. To solve the lesson in your copy, name the "
            f"lesson: ./workshop "
            f"solve {project.lesson.code}"
        )


def _ids_up_to(lesson: Lesson, step: Step) -> list[str]:
    ids = [each.id for each in lesson.steps]
    return ids[: ids.index(step.id) + 1]


def _read(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


def _is_text(content: bytes | None) -> bool:
    try:
        (content or b"").decode()
    except UnicodeDecodeError:
        return False
    return True
