"""Write the solution to a step or to a whole lesson into the learner's copy, after making a backup."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from workshop import paths
from workshop.console import sentence
from workshop.course import journal, playground, step_solution
from workshop.course.lessons import Step
from workshop.course.project import Project
from workshop.course.project_files import checksum, content
from workshop.errors import WorkshopError, describe
from workshop.system import atomic_file


@dataclass(frozen=True)
class Solved:
    """The files that were written. If no files were written, everything was already solved.

    Attributes:
        changed: The learner's files that were changed.
        created: The files that were created because the learner didn't have them.
        backup: The folder that contains the learner's versions of the changed files, or None if no file was
            changed.
    """

    changed: list[str] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    backup: Path | None = None

    def __bool__(self) -> bool:
        return bool(self.changed or self.created)


def solve_step(project: Project, step: Step) -> Solved:
    """Apply the solution to `step`.

    The learner's other changes are kept unless they conflict with the solution.

    Raises:
        WorkshopError: `project` is a solution, or a file could not be merged or written.
    """
    _refuse_solutions(project)
    files = step_solution.files_with_step(project, step)
    return _write(project, files, f"{project.lesson.name}-before-{step.id}")


def solve_lesson(project: Project) -> Solved:
    """Apply the solution to every step by replacing each listed file with the solution's version.

    Raises:
        WorkshopError: `project` is a solution, or a file could not be written.
    """
    _refuse_solutions(project)
    names = dict.fromkeys(name for step in project.lesson.steps for name in step.files)
    files = {name: (project.lesson.solution / name).read_bytes() for name in names}
    return _write(project, files, f"{project.lesson.name}-before-solve")


def message(project: Project, step: Step | None, solved: Solved, unreadable: Iterable[str] = ()) -> str:
    """Return a message that says which files were written and which command to run next.

    Args:
        project: The learner's copy.
        step: The step that was solved, or None for the whole lesson.
        solved: The result of `solve_step()` or `solve_lesson()`.
        unreadable: A sentence for each file of the project that Python cannot read.
    """
    subject = f"Step {step.id}" if step else f"Lesson {project.lesson.name}"
    errors = [f"But {sentence(each)} Fix this error before you run the check." for each in unreadable]
    if not solved:
        unchanged = f"{subject} is already solved in {project.shown}. Nothing was changed."
        return "\n".join([unchanged, *errors])
    lines = [f"{subject} is solved in {project.shown}."]
    lines += [f"  changed  {name}" for name in solved.changed]
    lines += [f"  created  {name}" for name in solved.created]
    if solved.backup:
        lines.append(f"Backup of your files: {paths.shown(solved.backup)}")
    lines += errors
    lines.append(f"Next: ./workshop check {step.id if step else project.lesson.code}")
    return "\n".join(lines)


def undo(folder: Path, backup: Path | None, checksums: dict[str, str]) -> str:
    """Undo an interrupted `solve`. Files that the learner changed afterward are not restored.

    Args:
        folder: The learner's copy.
        backup: The folder that contains the original files, or None if there is no backup.
        checksums: The checksums of the solution's files.

    Returns:
        A message for the learner, or "" if no file was changed.
    """
    if not _restore(folder, backup, checksums):
        return ""
    return (
        "./workshop solve was interrupted, so its changes were undone. To get the solution, run the command "
        "again."
    )


def _refuse_solutions(project: Project) -> None:
    if not project.lesson.solution.is_dir():
        raise WorkshopError(f"There is no solution for {project.lesson.name}. Is this a complete clone?")
    if project.folder.is_relative_to(paths.SOLUTIONS):
        raise WorkshopError(
            f"{project.shown} is the solution itself. To solve the lesson in your copy, run: "
            f"./workshop solve {project.lesson.code}"
        )


def _write(project: Project, files: dict[str, bytes], backup_name: str) -> Solved:
    """Write all of the `files`. If one of the files can't be written, restore the others.

    Raises:
        WorkshopError: The operating system reported an error.
    """
    _refuse_packages(project, files)
    folder, backup = project.folder, None
    with journal.lock():
        before = {name: content(folder / name) for name in files}
        changed = [name for name in files if before[name] not in (None, files[name])]
        created = [name for name in files if before[name] is None]
        if not changed and not created:
            return Solved()
        checksums = {name: checksum(files[name]) for name in changed + created}
        try:
            if changed:
                backup = _back_up(folder, changed, backup_name)
            with journal.recorded(
                "solve",
                lambda: _restore(folder, backup, checksums),
                folder=str(folder),
                backup=str(backup) if backup else None,
                digests=checksums,
            ):
                for name in changed + created:
                    atomic_file.write_bytes(folder / name, files[name])
        except OSError as error:
            state = (
                "Some files may contain the solution and others may not. The next ./workshop command "
                "repairs the files."
                if journal.exists()
                else "Your files are unchanged."
            )
            where = f" Backup of your files: {paths.shown(backup)}" if backup else ""
            raise WorkshopError(
                f"The solution could not be written to {project.shown}. {describe(error)}\n{state}{where}"
            ) from error
    return Solved(changed, created, backup)


def _refuse_packages(project: Project, names: Iterable[str]) -> None:
    # Python would import a package instead of the module with the same name.
    for name in names:
        package = (project.folder / name).with_suffix("")
        if name.endswith(".py") and (package / "__init__.py").is_file():
            raise WorkshopError(
                f"{paths.shown(package)} is a package. Python would import this package instead of {name}.\n"
                "Move the folder out of the project, then run the command again."
            )


def _restore(folder: Path, backup: Path | None, checksums: dict[str, str]) -> list[str]:
    """Restore the files that have the solution's content, and return their names."""
    restored = []
    for name, solved in checksums.items():
        file = folder / name
        if not file.is_file() or checksum(file.read_bytes()) != solved:
            continue
        if backup and (backup / name).is_file():
            atomic_file.copy(backup / name, file)
        else:
            file.unlink()
        restored.append(name)
    return restored


def _back_up(folder: Path, names: list[str], backup_name: str) -> Path:
    """Copy the files `names` to a new backup folder, and return that folder."""
    backup = playground.backup_folder(backup_name)
    try:
        for name in names:
            atomic_file.copy(folder / name, backup / name)
    except BaseException:
        shutil.rmtree(backup, ignore_errors=True)
        raise
    return backup
