"""The learner's copies: started from a starter, reset with a backup, compared with what was started."""

import hashlib
import json
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from . import paths, progress, project
from .errors import WorkshopError
from .lessons import Lesson
from .project import Project

NOT_COPIED = ("data", "checks", "lesson.toml")
"""What a starter has at its top that is no part of the learner's copy."""

LEFT_BY_TOOLS = frozenset(
    ("__pycache__", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints", ".idea", ".vscode", ".git")
)


@dataclass(frozen=True)
class Reset:
    """What `reset` did: the fresh copy, and where the learner's files went."""

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
    folder = paths.PLAYGROUND / lesson.name
    if folder.is_dir():
        changed = changed_files(lesson)
        if changed:
            raise WorkshopError(
                f"The playground for {lesson.name} has changes since you started it ({_listed(changed)}).\n"
                f"Keep working:      ./workshop up {lesson.code}\n"
                f"Start over:        ./workshop reset {lesson.code}    "
                f"(your files go to {paths.shown(_backup_path(lesson.name))}/)"
            )
        for name in _started(lesson):
            (folder / name).unlink(missing_ok=True)
        _copy(lesson.folder, folder)
    else:
        # Whole or not at all: an interrupted start leaves no half copy under the lesson's name.
        fresh = paths.PLAYGROUND / f".new-{lesson.name}"
        shutil.rmtree(fresh, ignore_errors=True)
        _copy(lesson.folder, fresh)
        fresh.rename(folder)
    _remember(lesson)
    progress.set_last(lesson.name)
    return Project(folder, lesson)


def reset(lesson: Lesson) -> Reset:
    """Copy the learner's folder, with its data, to a dated backup; then begin the lesson again.

    Raises NotStarted when there is no copy of the lesson.
    """
    started = project.of_lesson(lesson)
    backup = backup_folder(lesson.name)
    shutil.copytree(started.folder, backup, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    # The folder itself stays: a terminal or an editor that is open in it goes on working.
    for entry in started.folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    _copy(lesson.folder, started.folder)
    _remember(lesson)
    progress.forget(lesson.name)
    progress.set_last(lesson.name)
    return Reset(started, backup)


def changed_files(lesson: Lesson) -> list[str]:
    """The files of the learner's copy that were changed, added or deleted since it was started."""
    started = _started(lesson)
    now = _hashes(paths.PLAYGROUND / lesson.name)
    return sorted(name for name in started.keys() | now.keys() if started.get(name) != now.get(name))


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


def _copy(starter: Path, folder: Path) -> None:
    for name, file in files(starter).items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target)


def _hashes(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files(folder).items()}


def _record(lesson: Lesson) -> Path:
    return paths.STATE / "started" / f"{lesson.code}.json"


def _remember(lesson: Lesson) -> None:
    record = _record(lesson)
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(_hashes(paths.PLAYGROUND / lesson.name), indent=1), encoding="utf-8")


def _started(lesson: Lesson) -> dict[str, str]:
    """The hashes of the files as they were copied; without that record, those of the starter."""
    try:
        content = json.loads(_record(lesson).read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else _hashes(lesson.folder)
    except (OSError, ValueError):
        return _hashes(lesson.folder)


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _is_litter(name: str) -> bool:
    return (
        name.endswith((".pyc", ".swp", "~")) or name == ".DS_Store" or name.startswith("celerybeat-schedule")
    )
