"""The project that a command works on: a folder that contains manage.py, and the lesson it belongs to."""

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

DEFAULT_REDIS_URL = "redis://localhost:6379/0"
"""The broker that the projects' settings use if REDIS_URL is not set."""

_SETTINGS_MODULE = re.compile(r"""["']DJANGO_SETTINGS_MODULE["'],\s*["']([\w.]+)["']""")


@dataclass(frozen=True)
class Project:
    """A lesson's Django project: the learner's copy, a starter, a solution, or any other copy."""

    folder: Path
    lesson: Lesson

    @property
    def failing_services(self) -> dict[str, str]:
        """The modes of the `practice` services that fail or are slow, such as {"storage": "slow 600"}."""
        modes = {}
        for service in ("storage", "mail"):
            with contextlib.suppress(OSError):
                modes[service] = (self.data / f"{service}-mode").read_text(encoding="utf-8").strip()
        return {service: mode for service, mode in modes.items() if mode not in ("", "ok")}

    @property
    def data(self) -> Path:
        """The project's data folder, which contains the database and the photos."""
        return self.folder / "data"

    @property
    def shown(self) -> str:
        """The folder's path, as shown in messages."""
        return paths.shown(self.folder)

    @property
    def is_learners(self) -> bool:
        """Whether this is the learner's work, that is, the playground copy or, without a copy, the starter.

        Passed checks count as progress only in the learner's work.
        """
        copy = self.lesson.learners_copy
        return self.folder == copy or (self.folder == self.lesson.folder and not copy.exists())

    @property
    def settings_module(self) -> str:
        """The settings module in manage.py, such as "myproject.settings" or "myproject.settings.dev"."""
        match = None
        with contextlib.suppress(OSError):
            text = (self.folder / "manage.py").read_text(encoding="utf-8", errors="replace")
            match = _SETTINGS_MODULE.search(text)
        return match[1] if match else "myproject.settings"

    def environment(
        self,
        redis_url: str | None = None,
        data: Path | None = None,
        port: int | None = None,
        kept: bool = True,
    ) -> dict[str, str]:
        """Return the environment for the project's processes.

        Args:
            redis_url: The broker's address, or None to leave REDIS_URL unchanged.
            data: The data folder (default: the project's own data folder).
            port: The value of the variable $PORT in the Procfile.
            kept: Whether to include the variables that WORKSHOP_KEEP names. Use False for a site that has its
                own servers.

        Raises:
            WorkshopError: WORKSHOP_KEEP names a variable that is not set.
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


def resolve(target: str | None = None) -> Project:
    """Return the project that `target` names.

    Args:
        target: The name of a lesson, which stands for the learner's copy of that lesson, or the path to a
            project folder. Default: the project that contains the current folder, otherwise the lesson that
            was started last.

    Raises:
        NotStarted: The learner has no copy of the lesson yet.
        WorkshopError: There is no such lesson or project.
    """
    if target is None:
        return _around_current_folder() or _last_started()
    folder = Path.cwd() / Path(target).expanduser()
    if "/" in target.rstrip("/") or target.startswith((".", "~", "/")):
        return at(folder)
    try:
        lesson = lessons.find(target)
    except WorkshopError:
        if folder.is_dir():
            return at(folder)
        raise
    return learners_copy(lesson)


def learners_copy(lesson: Lesson) -> Project:
    """Return the learner's copy of `lesson`.

    Raises:
        NotStarted: The learner has no copy of the lesson yet.
    """
    if lesson.learners_copy.is_dir():
        return Project(lesson.learners_copy, lesson)
    raise NotStarted(
        f"Lesson {lesson.name} has not been started: there is no {paths.shown(lesson.learners_copy)}.\n"
        f"Start the lesson:  ./workshop start {lesson.code}",
        lesson.name,
    )


def for_lesson(lesson: Lesson) -> Project:
    """Return the current folder's project if it belongs to `lesson`, otherwise the learner's copy.

    Raises:
        NotStarted: The current folder isn't in a project of this lesson, and no learner's copy exists.
    """
    project = _around_current_folder()
    return project if project and project.lesson.name == lesson.name else learners_copy(lesson)


def at(folder: Path) -> Project:
    """Return the project in `folder`, or the project that contains `folder`.

    Raises:
        WorkshopError: `folder` isn't part of a project, or the project's lesson is unknown.
    """
    if not folder.exists():
        raise WorkshopError(
            f"There is no folder {paths.shown(folder)}. Give the name of a lesson (./workshop status lists "
            "the lessons) or the path to a project folder."
        )
    root = _project_folder(folder.resolve())
    if root is None:
        raise WorkshopError(
            f"{paths.shown(folder)} is not a Django project: it contains no manage.py. Give the name of "
            "a lesson (./workshop status lists the lessons) or the path to the folder that contains "
            "manage.py."
        )
    lesson = _lesson_of(root)
    if lesson is None:
        names = ", ".join(lesson.name for lesson in lessons.all_lessons())
        raise WorkshopError(
            f"Cannot tell which lesson {paths.shown(root)} belongs to. Rename this folder or a parent folder "
            f"to the name of a lesson: {names or 'there are no lessons here. Is this a complete clone?'}."
        )
    return Project(root, lesson)


def _around_current_folder() -> Project | None:
    root = _project_folder(Path.cwd())
    lesson = _lesson_of(root) if root else None
    return Project(root, lesson) if root and lesson else None


def _last_started() -> Project:
    last = progress.last_lesson()
    if last is None:
        raise NotStarted("You have not started a lesson yet.\nStart the first:   ./workshop start 01")
    return learners_copy(lessons.find(last))


def _project_folder(folder: Path) -> Path | None:
    """Return `folder` or the closest parent that contains manage.py or is a learner's copy."""
    for candidate in (folder, *folder.parents):
        if (candidate / "manage.py").is_file():
            return candidate
        if candidate.parent == paths.PLAYGROUND:
            return candidate if candidate.name in {lesson.name for lesson in lessons.all_lessons()} else None
    return None


def _lesson_of(folder: Path) -> Lesson | None:
    """Return the lesson that `folder` or one of its parents is named after.

    A backup folder's name is the lesson's name followed by a date.
    """
    known = lessons.all_lessons()
    for candidate in (folder, *folder.parents):
        for lesson in known:
            if candidate.name == lesson.name or candidate.name.startswith(f"{lesson.name}-"):
                return lesson
    return None
