"""The project that a command works on: a folder with a manage.py, and the lesson it belongs to."""

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
    """A Django project of a lesson: the learner's copy, a starter, a solution, or a copy anywhere."""

    folder: Path
    lesson: Lesson

    @property
    def failing_services(self) -> dict[str, str]:
        """The modes of the `practice` services that fail or are slow on purpose: {"storage": "slow 600"}."""
        found = {}
        for service in ("storage", "mail"):
            with contextlib.suppress(OSError):
                found[service] = (self.data / f"{service}-mode").read_text(encoding="utf-8").strip()
        return {service: mode for service, mode in found.items() if mode not in ("", "ok")}

    @property
    def data(self) -> Path:
        """The project's own data: database and media."""
        return self.folder / "data"

    @property
    def shown(self) -> str:
        """The folder as a person reads it."""
        return paths.shown(self.folder)

    @property
    def is_learners(self) -> bool:
        """True for the learner's own work, whose checks count as progress: the playground copy, or the
        starter edited in place."""
        return self.folder in (paths.PLAYGROUND / self.lesson.name, self.lesson.folder)

    @property
    def settings_module(self) -> str:
        """The settings that manage.py uses, such as "myproject.settings" or "myproject.settings.dev"."""
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
        """The environment for the project's processes.

        redis_url: the broker; None leaves REDIS_URL as it is. data: another data folder.
        port: what $PORT in the Procfile stands for. kept: include the variables that the person passes on;
        False is for a site that has its own servers.

        Raises WorkshopError when WORKSHOP_KEEP names a variable that is not set.
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
    """The project that `target` means: a lesson (its playground copy) or the path of any project folder.

    Without a target: the project around `cwd` (by default the current folder), else the lesson last started.
    Raises NotStarted when the lesson has no playground copy yet, WorkshopError when nothing fits.
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
    """The learner's copy of `lesson`. Raises NotStarted when there is none."""
    folder = paths.PLAYGROUND / lesson.name
    if folder.is_dir():
        return Project(folder, lesson)
    raise NotStarted(
        f"Lesson {lesson.name} is not started: there is no {paths.shown(folder)}.\n"
        f"Start it:          ./workshop start {lesson.code}",
        lesson.name,
    )


def for_lesson(lesson: Lesson, cwd: Path | None = None) -> Project:
    """The project around `cwd` where that is one of `lesson`, else the learner's copy of it."""
    here = _around(Path(cwd or Path.cwd()))
    return here if here and here.lesson.name == lesson.name else of_lesson(lesson)


def at(folder: Path) -> Project:
    """The project in `folder` or around it. Raises WorkshopError when there is none, or no lesson fits it."""
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
            f"Which lesson does {paths.shown(root)} belong to? Give the folder, or one around it, the name "
            f"of a lesson: {names or 'but there are none here. Is this a complete clone?'}."
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
    """The lesson whose name `folder` or a folder around it has, alone or with a suffix as backups have it."""
    known = lessons.all_lessons()
    for candidate in (folder, *folder.parents):
        for lesson in known:
            if candidate.name == lesson.name or candidate.name.startswith(f"{lesson.name}-"):
                return lesson
    return None
