"""Open the project that a notebook uses, set up Django, and clean up at the end."""

import atexit
import contextlib
import importlib
import os
import shutil
import sys
import tempfile
from datetime import timedelta
from functools import cached_property
from html import escape
from pathlib import Path

from workshop import paths
from workshop.course import lessons
from workshop.course import project as projects
from workshop.course.lessons import Lesson
from workshop.errors import WorkshopError
from workshop.notebookkit.queues import clean_up
from workshop.photos import samples
from workshop.photos.visitor import Visitor
from workshop.runtime import docs_address
from workshop.runtime.broker import HIDDEN, connection_error, without_password
from workshop.system.environment import bypass_proxies

from .kernel_names import unique
from .readable_errors import show_readable_errors
from .running_services import RunningServices
from .workers import workers

CHOICES = {"mine": "your copy in playground/", "solution": "the finished project in solutions/"}
PREFIX = "from-notebook"
"""The prefix of the file names of all photos that notebooks upload."""
OWN = unique(PREFIX)
"""The prefix of the file names of all photos that this kernel uploads, even after a restart of the kernel."""
LEFT_BEHIND = timedelta(hours=2)
"""The age at which `tidy()` also deletes other kernels' photos, because no notebook runs this long."""


def open_project(lesson: str, choice: str = "mine") -> "OpenProject":
    """Set up Django for the project of a lesson, and return that project.

    Args:
        lesson: The lesson's number, such as "03".
        choice: "mine" for the learner's copy, or "solution" for the finished project.

    Raises:
        WorkshopError: The project doesn't exist, another project is running, or no broker responds. The
            message says which command to run.
    """
    wanted = lessons.find(lesson)
    has_celery = _has_celery(wanted.solution)
    services = RunningServices.now()
    command = f"./workshop up {paths.shown(wanted.solution) if choice == 'solution' else wanted.code}"
    stop = "./workshop up with Ctrl-C"
    if services.command:
        command, stop = (
            services.command.format(lesson=wanted.name),
            "the containers (./workshop compose down)",
        )
    show_readable_errors(command, has_celery)  # first, so that every later error is shown as a sentence
    if choice not in CHOICES:
        raise WorkshopError(
            f'PROJECT must be "mine" ({CHOICES["mine"]}) or "solution" ({CHOICES["solution"]}).'
        )
    folder = projects.learners_copy(wanted).folder if choice == "mine" else wanted.solution
    if services.folder and services.folder != folder:
        raise WorkshopError(
            f"{paths.shown(services.folder)} is running, but this notebook uses {paths.shown(folder)}, which "
            f"has different code and a different database. Stop {stop}, and type: {command}\n"
            "Or change PROJECT in the cell above, and run that cell again."
        )
    if has_celery:
        _check_broker(services.broker, command)
    _set_up(folder, services, wanted)
    return OpenProject(wanted, folder, services, command)


def _check_broker(address: str, command: str) -> None:
    if HIDDEN in address:
        raise WorkshopError(
            f"This notebook doesn't know the password of the broker at {without_password(address)}.\n"
            "Open the notebook at the address that ./workshop up printed. Or stop ./workshop notebooks, set "
            "REDIS_URL in that terminal to the address that ./workshop up uses, and start "
            "./workshop notebooks again."
        )
    if why := connection_error(address, 2):
        raise WorkshopError(
            f"No broker responds at {without_password(address)} ({why}).\n"
            f"Start the broker and the worker in a terminal: {command}\n"
            "Then run this cell again."
        )


def _set_up(folder: Path, services: RunningServices, lesson: Lesson) -> None:
    if (loaded := sys.modules.get("myproject")) and Path(loaded.__file__).parent.parent != folder:
        raise WorkshopError(
            "This kernel has already loaded another project. Restart the kernel (in the menu, choose "
            "Kernel > Restart Kernel), and run this cell first."
        )
    bypass_proxies()
    os.environ["REDIS_URL"] = services.broker
    os.environ["DATA_DIR"] = str(services.data or folder / "data")
    os.environ["DJANGO_SETTINGS_MODULE"] = projects.Project(folder, lesson).settings_module
    # Django blocks its ORM inside an event loop, such as a kernel's. Here, nothing else runs in the loop.
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
            f"For details, run ./workshop check {lesson.code}. Or use the solution: set "
            f'PROJECT = "solution", and run ./workshop up {paths.shown(lesson.solution)}'
        ) from None


def _has_celery(folder: Path) -> bool:
    return (folder / "myproject" / "celery.py").is_file()


class OpenProject:
    """A project that a notebook has opened. The notebook displays a table of the running services.

    Attributes:
        lesson: The notebook's lesson.
        folder: The project's folder.
        running: The services that the notebook uses.
        command: The command that starts the project.
    """

    def __init__(self, lesson: Lesson, folder: Path, running: RunningServices, command: str) -> None:
        self.lesson, self.folder, self.running, self.command = lesson, folder, running, command

    @property
    def site(self) -> str:
        """The address of the site."""
        return self.running.site

    @cached_property
    def scratch(self) -> Path:
        """A temporary folder, empty at first, that is deleted by `tidy()` or when the kernel exits."""
        folder = tempfile.mkdtemp(prefix=f"notebook-{self.lesson.code}-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    def photo_name(self, name: str) -> str:
        """Return `name` with this kernel's prefix. `tidy()` deletes all photos with this prefix."""
        return f"{OWN}-{name}"

    def photos(self, name: str = ""):
        """Return a queryset of the photos whose file names start with `photo_name(name)`."""
        from images.models import UploadedImage

        return UploadedImage.objects.filter(image__startswith=f"uploads/{self.photo_name(name)}")

    def photo(self, sample: bytes | None = None, name: str = "photo.jpg"):
        """Upload a photo to the running site, as a browser does, and return the photo's database row.

        `tidy()` deletes the photo.

        Args:
            sample: The bytes of a picture (default: a generated 2-megapixel landscape).
            name: The last part of the file name.

        Raises:
            WorkshopError: The site is not running or rejects the photo.
        """
        from images.models import UploadedImage

        before = set(UploadedImage.objects.values_list("pk", flat=True))
        with Visitor(self.site) as visitor:
            visitor.upload(self.photo_name(name), sample or samples.photo(1600, 1200)).raise_for_refusal()
        row = UploadedImage.objects.exclude(pk__in=before).order_by("pk").last()
        if row is None:
            raise WorkshopError(f"The photo is not in this project's database. Is {self.command} running?")
        return row

    def tidy(self) -> list[str]:
        """Delete the scratch folder and this kernel's photos, task results and messages.

        Messages that a worker has already received are not deleted. Other kernels' photos are deleted if they
        are older than LEFT_BEHIND.

        Returns:
            The IDs of the tasks that this kernel has sent.
        """
        from django.db.models import Q
        from django.utils import timezone
        from images.models import UploadedImage

        if "scratch" in self.__dict__:
            shutil.rmtree(self.scratch, ignore_errors=True)
            del self.scratch
        own = Q(image__startswith=f"uploads/{OWN}")
        old = Q(image__startswith=f"uploads/{PREFIX}", uploaded_at__lt=timezone.now() - LEFT_BEHIND)
        photos = list(UploadedImage.objects.filter(own | old))
        # Delete the messages first, so that no worker looks for a deleted photo.
        task_ids = clean_up({photo.pk for photo in photos}) if _has_celery(self.folder) else []
        for photo in photos:
            with contextlib.suppress(OSError):
                photo.delete()
        print(f"Deleted {len(photos)} {'photo' if len(photos) == 1 else 'photos'} uploaded by notebooks.")
        return task_ids

    def _lines(self) -> list[tuple[str, str]]:
        docs = docs_address.address()
        page = f"{docs}/lessons/{self.lesson.name}/" if docs else docs_address.COMMAND
        lines = [("project", paths.shown(self.folder)), ("lesson", page), ("site", self.site)]
        if not _has_celery(self.folder):
            return lines
        missing = f"No worker is running. Start one in a terminal: {self.command}"
        broker = without_password(self.running.broker)
        return [*lines, ("broker", broker), ("worker", str(workers()) or missing)]

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        lines = self._lines()
        rows = "".join(f"<tr><td>{name}</td><td>{escape(value)}</td></tr>" for name, value in lines)
        return {
            "text/plain": "\n".join(f"{name:<9}{value}" for name, value in lines),
            "text/html": f"<table>{rows}</table>",
        }
