"""The learner's copies: start them, reset them with a backup, and find changed files."""

import errno
import hashlib
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from workshop import paths
from workshop.course import progress, project, unfinished
from workshop.course.lessons import Lesson
from workshop.course.project import Project
from workshop.errors import WorkshopError, reason
from workshop.system import atomic_file

COMMAND = "workshop"
"""The script in a learner's copy that calls the clone's `./workshop`: one name works in both folders."""

SCRIPT = """#!/bin/sh
# Runs the workshop's command, so that you can type ./workshop in this folder too.
exec "$(dirname "$0")/../../workshop" "$@"
"""

NOT_COPIED = ("data", "checks", "lesson.toml", COMMAND)
"""Files and folders at the top of a starter or of a learner's copy that are not part of the project."""

LEFT_BY_TOOLS = frozenset(
    ("__pycache__", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints", ".idea", ".vscode", ".git")
)


@dataclass(frozen=True)
class Reset:
    """The result of a reset: the new copy, and the backup folder with the learner's files and data."""

    project: Project
    backup: Path


def files(folder: Path) -> dict[str, Path]:
    """Return a project's files by relative path, without data, checks, manifest and tool files."""
    found = {}
    for file in sorted(folder.rglob("*")):
        parts = file.relative_to(folder).parts
        if (
            parts[0] in NOT_COPIED
            or not LEFT_BY_TOOLS.isdisjoint(parts)
            or _is_litter(file.name)
            or not file.is_file()
        ):
            continue
        found["/".join(parts)] = file
    return found


def start(lesson: Lesson) -> Project:
    """Create the learner's copy of `lesson`, and make it the default lesson of the commands.

    An unchanged copy is updated to the current starter and keeps its data. Raises WorkshopError if the
    learner has changed the copy, which is then left alone.
    """
    with unfinished.alone():
        return _started_copy(lesson)


def _started_copy(lesson: Lesson) -> Project:
    folder = paths.PLAYGROUND / lesson.name
    if folder.is_dir():
        changed = changed_files(lesson)
        if changed:
            raise WorkshopError(
                f"You have already changed your copy of {lesson.name} ({_listed(changed)}).\n"
                f"Keep working:      ./workshop up {lesson.code}\n"
                f"Start over:        ./workshop reset {lesson.code}    (your files are moved to "
                f"{paths.shown(_backup_path(lesson.name))}/)"
            )
        _copy(lesson.folder, folder)
        put_command(folder)
        for name in _started(lesson).keys() - files(lesson.folder).keys():
            (folder / name).unlink(missing_ok=True)
    else:
        _fresh(lesson).rename(folder)
    _remember(lesson)
    progress.set_last(lesson.name)
    return Project(folder, lesson)


def reset(lesson: Lesson) -> Reset:
    """Move the learner's folder, with its data, to a dated backup, and start the lesson over.

    The folder is moved in one rename, and the new copy is added with another rename. So the learner's work is
    always complete, even if a process is still writing to it.
    Raises NotStarted if there is no copy of the lesson, or WorkshopError if the operating system refuses a
    step.
    Then the old copy is still in its place with its progress, or the message says where it is.
    """
    with unfinished.alone():
        started = project.of_lesson(lesson)
        backup = _backup_path(lesson.name)
        try:
            backup.parent.mkdir(parents=True, exist_ok=True)
            _fresh(lesson)
            try:
                unfinished.begin("reset", lesson=lesson.name, backup=str(backup))
                _swap(lesson, backup)
            except BaseException:
                _swap_back(lesson, backup)
                raise
            unfinished.end()
            _remember(lesson)
        except OSError as error:
            kept = f"Your files are in {paths.shown(backup)}." if backup.exists() else "Nothing was changed."
            raise WorkshopError(f"The reset could not be finished. {reason(error)}\n{kept}") from error
    return Reset(started, backup)


def words(done: Reset, stopped: bool) -> str:
    """Return a message about a reset. stopped: whether a running `up` was stopped."""
    code = done.project.lesson.code
    lines = [
        f"{done.project.shown} is now a new copy of the lesson.",
        f"Your files are in {paths.shown(done.backup)}.",
    ]
    if stopped:
        lines.append(
            f"Stopped ./workshop up, which was running this lesson. Start it again: ./workshop up {code}"
        )
    if Path.cwd().is_relative_to(done.backup.resolve()):
        lines.append(
            f"This terminal is now in the backup folder. Go to the new copy: cd {done.project.folder}"
        )
    return "\n".join(lines)


def finish_reset(lesson: Lesson, backup: Path) -> str:
    """Finish an interrupted reset, and return a message; "" if the reset had not changed anything yet."""
    if not backup.exists():
        shutil.rmtree(_new(lesson), ignore_errors=True)
        return ""
    _swap(lesson, backup)
    _remember(lesson)
    return f"./workshop reset {lesson.code} was interrupted, and it has now been finished."


def _swap(lesson: Lesson, backup: Path) -> None:
    """Replace the learner's copy with the new one. Continues where an interrupted call stopped."""
    folder, new = paths.PLAYGROUND / lesson.name, _new(lesson)
    if not backup.exists():
        folder.rename(backup)
    if not new.exists() and not folder.exists():
        _fresh(lesson)
    while new.exists():
        _move_late_files_away(lesson)
        try:
            new.rename(folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
    progress.begin_again(lesson.name)


def _swap_back(lesson: Lesson, backup: Path) -> None:
    folder = paths.PLAYGROUND / lesson.name
    if backup.exists():
        _move_late_files_away(lesson)
        if folder.exists():
            folder.rename(_new(lesson))
        backup.rename(folder)
    shutil.rmtree(_new(lesson), ignore_errors=True)
    unfinished.end()


def _move_late_files_away(lesson: Lesson) -> None:
    """Move away a folder that a worker, started by hand, created for a photo between the two renames."""
    folder = paths.PLAYGROUND / lesson.name
    if folder.exists() and _new(lesson).exists():
        folder.rename(_backup_path(lesson.name))


def changed_files(lesson: Lesson) -> list[str]:
    """Return the files that the learner has changed, added or deleted in the copy.

    A file that equals the current starter's file is unchanged, even if the copy was made from an older
    starter.
    """
    started, starter = _started(lesson), _hashes(lesson.folder)
    now = _hashes(paths.PLAYGROUND / lesson.name)
    return sorted(
        name
        for name in started.keys() | now.keys()
        if now.get(name) not in (started.get(name), starter.get(name))
    )


def backup_folder(name: str) -> Path:
    """Create and return an empty folder in playground/.backup/, named after `name` and the current time."""
    while True:
        folder = _backup_path(name)
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            continue


def _backup_path(name: str) -> Path:
    dated = f"{name}-{datetime.now():%Y-%m-%d-%H%M}"
    folder, count = paths.BACKUPS / dated, 1
    while folder.exists():
        count += 1
        folder = paths.BACKUPS / f"{dated}-{count}"
    return folder


def _new(lesson: Lesson) -> Path:
    """Return the folder in which a new copy is made. A complete copy is then renamed."""
    return paths.PLAYGROUND / f".new-{lesson.name}"


def _fresh(lesson: Lesson) -> Path:
    """Copy the starter to the folder that `_new()` names, and return that folder."""
    folder = _new(lesson)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _copy(lesson.folder, folder)
        put_command(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _copy(starter: Path, folder: Path) -> None:
    for name, file in files(starter).items():
        target = folder / name
        if not target.is_file() or target.read_bytes() != file.read_bytes():
            atomic_file.copy(file, target)


def put_command(folder: Path) -> None:
    """Put the script `workshop` into the learner's copy in `folder`, if it isn't there already."""
    file = folder / COMMAND
    if not file.is_file() or file.read_text(encoding="utf-8") != SCRIPT:
        atomic_file.write_text(file, SCRIPT, mode=0o755)


def _hashes(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files(folder).items()}


def _record(lesson: Lesson) -> Path:
    return paths.STATE / "started" / f"{lesson.code}.json"


def _remember(lesson: Lesson) -> None:
    atomic_file.write_json(_record(lesson), _hashes(paths.PLAYGROUND / lesson.name))


def _started(lesson: Lesson) -> dict[str, str]:
    """Return the hashes of the files when they were copied; without a record, those of the starter."""
    return atomic_file.read_json(_record(lesson)) or _hashes(lesson.folder)


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _is_litter(name: str) -> bool:
    return (
        name.endswith((".pyc", ".swp", "~")) or name == ".DS_Store" or name.startswith("celerybeat-schedule")
    )
