"""The project that a command works on: a folder with a manage.py, and its lesson."""

import contextlib
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from workshop import paths
from workshop.course import lessons, progress
from workshop.course.lessons import Lesson
from workshop.errors import NotStarted, WorkshopError
from workshop.system.environment import inherited
from workshop.system.environment import kept as kept_variables

_SETTINGS_MODULE = re.compile(r"""["']DJANGO_SETTINGS_MODULE["'],\s*["']([\w.]+)["']""")


@dataclass(frozen=True)
class Project:
    """A lesson's Django project: the learner's copy, a starter, a solution, or any other copy."""

    folder: Path
    lesson: Lesson

    @property
    def failing_services(self) -> dict[str, str]:
        """The `practice` services that are switched to fail or be slow: {"storage": "slow 600"}."""
        found = {}
        for service in ("storage", "mail"):
            with contextlib.suppress(OSError):
                found[service] = (self.data / f"{service}-mode").read_text(encoding="utf-8").strip()
        return {service: mode for service, mode in found.items() if mode not in ("", "ok")}

    @property
    def data(self) -> Path:
        """The project's data folder, with the database and the photos."""
        return self.folder / "data"

    @property
    def shown(self) -> str:
        """The folder's path for messages."""
        return paths.shown(self.folder)

    @property
    def is_learners(self) -> bool:
        """Whether this is the learner's work: the playground copy, or a starter edited in place.

        Only then do passed checks count as progress.
        """
        return self.folder in (paths.PLAYGROUND / self.lesson.name, self.lesson.folder)

    @property
    def settings_module(self) -> str:
        """The settings module in manage.py, such as "myproject.settings" or "myproject.settings.dev"."""
        found = None
        with contextlib.suppress(OSError):
            text = (self.folder / "manage.py").read_text(encoding="utf-8", errors="replace")
            found = _SETTINGS_MODULE.search(text)
        return found[1] if found else "myproject.settings"

    def environment(
        self,
        redis_url: str | None = None,
        data: Path | None = None,
        port: int | None = None,
        kept: bool = True,
    ) -> dict[str, str]:
        """Return the environment for the project's processes.

        redis_url: the broker; None leaves REDIS_URL unchanged. data: another data folder.
        port: the value of $PORT in the Procfile.
        kept: whether to include the variables in WORKSHOP_KEEP. False is for a site that has its own servers.
        Raises WorkshopError if WORKSHOP_KEEP names a variable that is not set.
        """
        environment = inherited() | (kept_variables() if kept else {})
        environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        environment["PYTHONUNBUFFERED"] = "1"
        environment["DATA_DIR"] = str(data or self.data)
        if redis_url is not None:
            environment["REDIS_URL"] = redis_url
        if port is not None:
            environment["PORT"] = str(port)
        return environment


def resolve(target: str | None = None, cwd: Path | None = None) -> Project:
    """Return the project for `target`: a lesson (its playground copy) or the path of a project folder.

    Without a target, return the project around `cwd` (default: the current folder), otherwise the last
    started lesson. Raises NotStarted if the lesson has no playground copy yet, or WorkshopError if nothing
    matches.
    """
    cwd = Path(cwd or Path.cwd())
    if target is None:
        return _around(cwd) or _last_started()
    folder = cwd / Path(target).expanduser()
    if _looks_like_a_path(target):
        return at(folder)
    try:
        lesson = lessons.find(target)
    except WorkshopError:
        if folder.is_dir():
            return at(folder)
        raise
    return of_lesson(lesson)


def of_lesson(lesson: Lesson) -> Project:
    """Return the learner's copy of `lesson`. Raises NotStarted if there is none."""
    folder = paths.PLAYGROUND / lesson.name
    if folder.is_dir():
        return Project(folder, lesson)
    raise NotStarted(
        f"Lesson {lesson.name} is not started: there is no {paths.shown(folder)}.\n"
        f"Start it:          ./workshop start {lesson.code}",
        lesson.name,
    )


def for_lesson(lesson: Lesson, cwd: Path | None = None) -> Project:
    """Return the project around `cwd` if it belongs to `lesson`, otherwise the learner's copy of `lesson`."""
    here = _around(Path(cwd or Path.cwd()))
    return here if here and here.lesson.name == lesson.name else of_lesson(lesson)


def at(folder: Path) -> Project:
    """Return the project in or around `folder`.

    Raises WorkshopError if there is none or its lesson is unknown.
    """
    folder = Path(folder)
    if not folder.exists():
        raise WorkshopError(
            f"There is no folder {paths.shown(folder)}. Name a lesson (./workshop status lists them), or the "
            "path of a project folder."
        )
    root = _project_folder(folder.resolve())
    if root is None:
        raise WorkshopError(
            f"{paths.shown(folder)} is not a Django project: it contains no manage.py. Name a lesson "
            "(./workshop status lists them), or the folder that contains manage.py."
        )
    lesson = _lesson_of(root)
    if lesson is None:
        names = ", ".join(lesson.name for lesson in lessons.all_lessons())
        raise WorkshopError(
            f"Which lesson does {paths.shown(root)} belong to? Rename this folder or a parent folder "
            f"to the name of a lesson: {names or 'there are none here. Is this a complete clone?'}."
        )
    return Project(root, lesson)


def _around(cwd: Path) -> Project | None:
    root = _project_folder(cwd.resolve())
    lesson = _lesson_of(root) if root else None
    return Project(root, lesson) if root and lesson else None


def _last_started() -> Project:
    last = progress.last()
    if last is None:
        raise NotStarted("You have not started a lesson yet.\nStart the first:   ./workshop start 01")
    return of_lesson(lessons.find(last))


def _looks_like_a_path(target: str) -> bool:
    return os.sep in target.rstrip(os.sep) or target.startswith((".", "~")) or target.startswith(os.sep)


def _project_folder(folder: Path) -> Path | None:
    for candidate in (folder, *folder.parents):
        if (candidate / "manage.py").is_file():
            return candidate
        if candidate.parent == paths.PLAYGROUND:
            return candidate if candidate.name in {lesson.name for lesson in lessons.all_lessons()} else None
    return None


def _lesson_of(folder: Path) -> Lesson | None:
    """Return the lesson that `folder` or a parent is named after, with or without a backup's suffix."""
    known = lessons.all_lessons()
    for candidate in (folder, *folder.parents):
        for lesson in known:
            if candidate.name == lesson.name or candidate.name.startswith(f"{lesson.name}-"):
                return lesson
    return None
