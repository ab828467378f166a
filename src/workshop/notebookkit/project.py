"""The project that a notebook is about: found, set up for Django, and tidied up at the end."""

import contextlib
import importlib
import os
import sys
from html import escape
from pathlib import Path

import redis

from workshop import lessons, paths, samples
from workshop import project as projects
from workshop.broker import without_password
from workshop.errors import WorkshopError
from workshop.lessons import Lesson
from workshop.visitor import Visitor

from .running import Running
from .sentences import Sentences
from .workers import workers

CHOICES = {"mine": "your copy in playground/", "solution": "the finished project in solutions/"}


def open_project(lesson: str, choice: str = "mine") -> "Opened":
    """Set Django up for the project of `lesson`, and say what runs.

    choice: "mine" or "solution". Raises WorkshopError, with what to type, when the project is not there, when
    another one runs, or when no broker answers.
    """
    found = lessons.find(lesson)
    if choice not in CHOICES:
        raise WorkshopError(f'PROJECT is "mine" ({CHOICES["mine"]}) or "solution" ({CHOICES["solution"]}).')
    folder = projects.of_lesson(found).folder if choice == "mine" else found.solution
    command = f"./workshop up {found.code if choice == 'mine' else paths.shown(folder)}"
    sentences = Sentences(command)
    sentences.install()
    running = Running.now()
    if running.folder and running.folder != folder:
        raise WorkshopError(
            f"{running.shown} is up, and this notebook is about {paths.shown(folder)}: other code, and "
            f"another database. Stop ./workshop up with Ctrl-C, and type: {command}\n"
            "Or change PROJECT in the cell above, and run it again."
        )
    if (folder / "myproject" / "celery.py").is_file():
        _ask_broker(running.broker, command)
    _set_up(folder, running, found, command)
    return Opened(found, folder, running, command)


def _ask_broker(address: str, command: str) -> None:
    try:
        redis.Redis.from_url(address, socket_connect_timeout=2, socket_timeout=2).ping()
    except (redis.RedisError, ValueError) as error:
        raise WorkshopError(
            f"No broker answers at {without_password(address)} ({error}).\n"
            f"Start it and the worker in a terminal: {command}\nThen run this cell again."
        ) from None


def _set_up(folder: Path, running: Running, lesson: Lesson, command: str) -> None:
    if (loaded := sys.modules.get("myproject")) and Path(loaded.__file__).parent.parent != folder:
        raise WorkshopError(
            "This kernel has another project in memory already. Restart it (menu Kernel, Restart Kernel), "
            "and begin with this cell."
        )
    os.environ["REDIS_URL"] = running.broker
    os.environ["DATA_DIR"] = str(running.data or folder / "data")
    os.environ["DJANGO_SETTINGS_MODULE"] = "myproject.settings"
    # Django keeps its ORM out of event loops, and a notebook's kernel is one. Nothing else runs in it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        import django

        importlib.import_module("myproject")
        django.setup()
    except Exception as error:
        raise WorkshopError(
            f"{paths.shown(folder)} cannot be loaded: {type(error).__name__}: {error}\n"
            f'./workshop check {lesson.code} says more. Or work with the solution: PROJECT = "solution", and '
            f"./workshop up {paths.shown(lesson.solution)}"
        ) from None


class Opened:
    """The opened project. Shown in a notebook, it says what runs."""

    def __init__(self, lesson: Lesson, folder: Path, running: Running, command: str) -> None:
        self.lesson, self.folder, self.running, self.command = lesson, folder, running, command
        self._made: list[int] = []

    @property
    def site(self) -> str:
        """The address of the site."""
        return self.running.site

    def photo(self, sample: bytes | None = None, name: str = "notebook.jpg"):
        """Upload a photo to the running site, as a browser does, and return its row.

        sample: the bytes of a picture; by default a painted landscape of 2 megapixels.
        Raises WorkshopError when the site is not up or does not take it. `tidy()` deletes it again.
        """
        from images.models import UploadedImage

        before = set(UploadedImage.objects.values_list("pk", flat=True))
        with Visitor(self.site) as visitor:
            answer = visitor.upload(name, sample or samples.photo(1600, 1200))
        if answer.refusal:
            raise WorkshopError(f"The site did not take the photo: {answer.refusal}")
        row = UploadedImage.objects.exclude(pk__in=before).order_by("pk").last()
        if row is None:
            raise WorkshopError(f"The photo is not in this project's database. Is {self.command} what runs?")
        self._made.append(row.pk)
        return row

    def tidy(self) -> None:
        """Delete the photos that this notebook has uploaded, and their files."""
        from images.models import UploadedImage

        for photo in UploadedImage.objects.filter(pk__in=self._made):
            with contextlib.suppress(OSError):
                photo.image.delete(save=False)
                photo.resized_image.delete(save=False)
            photo.delete()
        count = len(self._made)
        print(f"{count} {'photo' if count == 1 else 'photos'} of this notebook deleted.")
        self._made.clear()

    def _lines(self) -> list[tuple[str, str]]:
        lines = [("project", paths.shown(self.folder)), ("site", self.site)]
        if not self._has_celery:
            return lines
        up = workers()
        missing = f"none is up. Start it in a terminal: {self.command}"
        return [*lines, ("broker", self.running.broker), ("worker", str(up) if up else missing)]

    @property
    def _has_celery(self) -> bool:
        return (self.folder / "myproject" / "celery.py").is_file()

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        lines = self._lines()
        rows = "".join(f"<tr><td>{name}</td><td>{escape(value)}</td></tr>" for name, value in lines)
        return {
            "text/plain": "\n".join(f"{name:<9}{value}" for name, value in lines),
            "text/html": f"<table>{rows}</table>",
        }
