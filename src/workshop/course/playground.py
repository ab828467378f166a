"""The learner's copies: started from a starter, reset with a backup, compared with what was started."""

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
"""What is at the top of a starter or of a learner's copy and is no part of the project."""

LEFT_BY_TOOLS = frozenset(
    ("__pycache__", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints", ".idea", ".vscode", ".git")
)


@dataclass(frozen=True)
class Reset:
    """What `reset` did: the fresh copy, and the folder that has the learner's files and data now."""

    project: Project
    backup: Path


def files(folder: Path) -> dict[str, Path]:
    """Every file of a project as {path relative to it: file}: no data, checks, manifest or tools' litter."""
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
    """Make the learner's copy of `lesson`, and make it the lesson that commands mean when none is named.

    A copy without changes is brought up to date with the starter; its data stays.
    Raises WorkshopError when the learner has changed it, and leaves it as it is.
    """
    with unfinished.alone():
        return _started_copy(lesson)


def _started_copy(lesson: Lesson) -> Project:
    folder = paths.PLAYGROUND / lesson.name
    if folder.is_dir():
        changed = changed_files(lesson)
        if changed:
            raise WorkshopError(
                f"The playground for {lesson.name} has changes since you started it ({_listed(changed)}).\n"
                f"Keep working:      ./workshop up {lesson.code}\n"
                f"Start over:        ./workshop reset {lesson.code}    (your files go to "
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
    """Make the learner's folder, with its data, a dated backup; then begin the lesson again.

    The folder is moved away in one rename, and the new copy comes in with another one. So the learner's work
    is whole at every moment, also when a process still writes into it.
    Raises NotStarted when there is no copy of the lesson, WorkshopError when the system refuses a step: then
    the old copy is in its place with its progress, or the message says where it is.
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
    """What a reset did, for the learner. stopped: an `up` ran the lesson and was stopped."""
    code = done.project.lesson.code
    lines = [
        f"{done.project.shown} is back at the start of the lesson.",
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
    """Finish a reset that was killed, and say so; "" when it was killed before it had begun."""
    if not backup.exists():
        shutil.rmtree(_new(lesson), ignore_errors=True)
        return ""
    _swap(lesson, backup)
    _remember(lesson)
    return f"./workshop reset {lesson.code} was interrupted, and it has now been finished."


def _swap(lesson: Lesson, backup: Path) -> None:
    """Put the fresh copy in the place of the learner's. Goes on where an earlier call was killed."""
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
    """Between the two renames a worker that was started by hand may make the folder again, for a photo."""
    folder = paths.PLAYGROUND / lesson.name
    if folder.exists() and _new(lesson).exists():
        folder.rename(_backup_path(lesson.name))


def changed_files(lesson: Lesson) -> list[str]:
    """The files of the learner's copy that were changed, added or deleted since it was started.

    A file that is as in the starter of today is not changed, even if another starter was copied.
    """
    started, starter = _started(lesson), _hashes(lesson.folder)
    now = _hashes(paths.PLAYGROUND / lesson.name)
    return sorted(
        name
        for name in started.keys() | now.keys()
        if now.get(name) not in (started.get(name), starter.get(name))
    )


def backup_folder(name: str) -> Path:
    """A new, empty folder below playground/.backup/, called `name` and the time of day."""
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
    """Where a copy is made: whole or not at all, it gets the lesson's name by a rename."""
    return paths.PLAYGROUND / f".new-{lesson.name}"


def _fresh(lesson: Lesson) -> Path:
    """A new copy of the starter, under the name that `_new` gives."""
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
    """The hashes of the files as they were copied; without that record, those of the starter."""
    return atomic_file.read_json(_record(lesson)) or _hashes(lesson.folder)


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _is_litter(name: str) -> bool:
    return (
        name.endswith((".pyc", ".swp", "~")) or name == ".DS_Store" or name.startswith("celerybeat-schedule")
    )
