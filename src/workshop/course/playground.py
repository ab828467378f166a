"""Create and reset the learner's copies of lessons, and find the files that the learner has changed."""

import errno
import shutil
from datetime import datetime
from pathlib import Path

from workshop import paths
from workshop.course import journal, progress
from workshop.course.lessons import Lesson
from workshop.course.project import Project
from workshop.course.project_files import SCRIPT_NAME, checksums, list_files
from workshop.errors import WorkshopError, describe
from workshop.system import atomic_file

SCRIPT = """#!/bin/sh
# Runs the workshop's command, so that you can type ./workshop in this folder too.
exec "$(dirname "$0")/../../workshop" "$@"
"""


def start(lesson: Lesson) -> Project:
    """Create the learner's copy of `lesson`, and make the lesson the default for all commands.

    If the copy already exists and is unchanged, it is updated to the current starter and keeps its data.

    Raises:
        WorkshopError: The learner has already changed the copy, so this function doesn't update it.
    """
    with journal.lock():
        if lesson.learners_copy.is_dir():
            _update(lesson)
        else:
            _make_new_copy(lesson).rename(lesson.learners_copy)
        _record_files(lesson)
        progress.set_last_lesson(lesson.name)
    return Project(lesson.learners_copy, lesson)


def reset(copy: Project) -> Path:
    """Move the learner's copy, including its data, to a backup folder, and start the lesson over.

    One rename moves the old copy, and another rename puts the new copy in its place. Therefore, the learner's
    work is always complete, even if a process is still writing to the copy. The name of the backup contains
    the date and the time.

    Returns:
        The backup folder.

    Raises:
        WorkshopError: The operating system reported an error. Either the old copy and its progress are still
            in place, or the message says where the old copy is.
    """
    lesson = copy.lesson
    with journal.lock():
        backup = _unused_backup_path(lesson.name)
        try:
            backup.parent.mkdir(parents=True, exist_ok=True)
            _make_new_copy(lesson)
            with journal.recorded(
                "reset", lambda: _swap_back(lesson, backup), lesson=lesson.name, backup=str(backup)
            ):
                _swap(lesson, backup)
            _record_files(lesson)
        except OSError as error:
            where = f"Your files are in {paths.shown(backup)}." if backup.exists() else "Nothing was changed."
            raise WorkshopError(f"The reset could not be finished. {describe(error)}\n{where}") from error
    return backup


def reset_message(copy: Project, backup: Path, stopped: bool) -> str:
    """Return a message that says what a reset has done.

    Args:
        copy: The new copy.
        backup: The folder that contains the learner's files and data.
        stopped: Whether a running `up` was stopped.
    """
    lines = [
        f"{copy.shown} is now a new copy of the lesson.",
        f"Your files are in {paths.shown(backup)}.",
    ]
    if stopped:
        lines.append(
            "Stopped ./workshop up, which was running this lesson. Start it again: "
            f"./workshop up {copy.lesson.code}"
        )
    if Path.cwd().is_relative_to(backup.resolve()):
        lines.append(f"This terminal is now in the backup folder. Go to the new copy: cd {copy.folder}")
    return "\n".join(lines)


def finish_reset(lesson: Lesson, backup: Path) -> str:
    """Finish an interrupted reset.

    Returns:
        A message for the learner, or "" if the reset was interrupted before it changed anything.
    """
    if not backup.exists():
        shutil.rmtree(_new_copy(lesson), ignore_errors=True)
        return ""
    _swap(lesson, backup)
    _record_files(lesson)
    return f"./workshop reset {lesson.code} was interrupted, but it has now been finished."


def changed_files(lesson: Lesson) -> list[str]:
    """Return the files that the learner has changed, added or deleted in the copy.

    A file that is identical to the current starter's file counts as unchanged, even if the copy was made from
    an older starter.
    """
    before, starter, now = _recorded_files(lesson), checksums(lesson.folder), checksums(lesson.learners_copy)
    return sorted(
        name
        for name in before.keys() | now.keys()
        if now.get(name) not in (before.get(name), starter.get(name))
    )


def backup_folder(name: str) -> Path:
    """Create and return an empty folder in playground/.backup/. The name ends with the current time."""
    folder = _unused_backup_path(name)
    folder.mkdir(parents=True)
    return folder


def add_script(folder: Path) -> None:
    """Put the script `workshop` into the learner's copy in `folder` if the script is missing or outdated."""
    file = folder / SCRIPT_NAME
    if not file.is_file() or file.read_text(encoding="utf-8") != SCRIPT:
        atomic_file.write_text(file, SCRIPT, mode=0o755)


def _update(lesson: Lesson) -> None:
    """Update an unchanged copy to the current starter.

    Raises:
        WorkshopError: The learner has changed the copy.
    """
    if changed := changed_files(lesson):
        more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
        raise WorkshopError(
            f"You have already changed your copy of {lesson.name} ({', '.join(changed[:5])}{more}).\n"
            f"Keep working:      ./workshop up {lesson.code}\n"
            f"Start over:        ./workshop reset {lesson.code}    (your files are moved to "
            f"{paths.shown(_unused_backup_path(lesson.name))}/)"
        )
    _copy_starter(lesson, lesson.learners_copy)
    for name in _recorded_files(lesson).keys() - list_files(lesson.folder).keys():
        (lesson.learners_copy / name).unlink(missing_ok=True)


def _swap(lesson: Lesson, backup: Path) -> None:
    """Replace the learner's copy with the new copy. A second call completes an interrupted swap."""
    folder, new = lesson.learners_copy, _new_copy(lesson)
    if not backup.exists():
        folder.rename(backup)
    if not new.exists() and not folder.exists():
        _make_new_copy(lesson)
    while new.exists():
        _move_late_files_away(lesson)
        try:
            new.rename(folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
    progress.restart_lesson(lesson.name)


def _swap_back(lesson: Lesson, backup: Path) -> None:
    if backup.exists():
        _move_late_files_away(lesson)
        if lesson.learners_copy.exists():
            lesson.learners_copy.rename(_new_copy(lesson))
        backup.rename(lesson.learners_copy)
    shutil.rmtree(_new_copy(lesson), ignore_errors=True)


def _move_late_files_away(lesson: Lesson) -> None:
    """Move the learner's folder away if it was recreated between the two renames.

    A worker recreates the folder when it saves a photo. Only a worker that the learner started by hand can
    still be running.
    """
    if lesson.learners_copy.exists() and _new_copy(lesson).exists():
        lesson.learners_copy.rename(_unused_backup_path(lesson.name))


def _unused_backup_path(name: str) -> Path:
    dated = f"{name}-{datetime.now():%Y-%m-%d-%H%M}"
    folder, count = paths.BACKUPS / dated, 1
    while folder.exists():
        count += 1
        folder = paths.BACKUPS / f"{dated}-{count}"
    return folder


def _new_copy(lesson: Lesson) -> Path:
    """Return the folder in which a new copy is created. When the copy is complete, the folder is renamed."""
    return paths.PLAYGROUND / f".new-{lesson.name}"


def _make_new_copy(lesson: Lesson) -> Path:
    folder = _new_copy(lesson)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _copy_starter(lesson, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _copy_starter(lesson: Lesson, folder: Path) -> None:
    for name, file in list_files(lesson.folder).items():
        target = folder / name
        if not target.is_file() or target.read_bytes() != file.read_bytes():
            atomic_file.copy(file, target)
    add_script(folder)


def _checksums_file(lesson: Lesson) -> Path:
    return paths.STATE / "started" / f"{lesson.code}.json"


def _record_files(lesson: Lesson) -> None:
    atomic_file.write_json(_checksums_file(lesson), checksums(lesson.learners_copy))


def _recorded_files(lesson: Lesson) -> dict[str, str]:
    """Return the recorded checksums of the copied files, or the starter's checksums if there is no record."""
    return atomic_file.read_json(_checksums_file(lesson)) or checksums(lesson.folder)
