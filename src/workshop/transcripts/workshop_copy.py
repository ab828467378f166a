"""A copy of the workshop in a temporary folder: one lesson, started and solved as far as a run needs it."""

import shutil
import sys
from pathlib import Path

from workshop import paths
from workshop.course.lessons import Lesson
from workshop.course.project import Project
from workshop.errors import WorkshopError
from workshop.runtime import flower
from workshop.system.child import Child

WIDTH = 80
"""Columns of the terminal that the outputs are recorded in. A line that is longer wraps on the page."""
SECONDS = 600
"""How long a command may take."""
PHOTOS = """
from django.core.files.base import ContentFile
from images import tasks
from images.models import UploadedImage
content = open("{file}", "rb").read()
for number in range(1, {count} + 1):
    file = ContentFile(content, f"photo-{{number:02}}.jpg")
    photo = UploadedImage.objects.create(image=file, original_bytes=len(content))
    if hasattr(tasks, "resize_image_task"):
        tasks.resize_image_task(photo.pk)
"""


class Copy:
    """The clone in `root`, with the learner's copy of `lesson` in its playground.

    ports: of the site, the broker and Flower. env: more variables for all that runs.
    """

    def __init__(self, root: Path, lesson: Lesson, ports: dict[str, int], env: dict[str, str]):
        self.root, self.lesson = root, lesson
        self.project = Project(root / "playground" / lesson.name, lesson)
        self.environment = self._environment(ports) | env

    def run(self, command: str, cwd: str | None = None) -> str:
        """What bash prints for `command`, on both streams together. cwd: below the root; None: the project.

        Raises WorkshopError when it takes too long. Whatever happens, nothing of it goes on running.
        """
        folder = self.project.folder if cwd is None else self.root / cwd
        with Child(["bash", "-c", command], folder=folder, environment=self.environment) as child:
            if child.wait(SECONDS) is None:
                raise WorkshopError(f"This took more than {SECONDS} s, so it was stopped: {command}")
            child.kill()  # also what it left running, before its output is read
            return child.output

    def make(self, state: str) -> None:
        """Copy the lessons, and bring this one to `state` by the learner's own commands."""
        ignored = shutil.ignore_patterns("data", "__pycache__", ".*")
        for name in ("lessons", "solutions", "docs/runs"):
            shutil.copytree(paths.ROOT / name, self.root / name, ignore=ignored)
        script = self.root / "workshop"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m workshop "$@"\n', encoding="utf-8")
        script.chmod(0o755)
        commands = [f"start {self.lesson.code}"]
        if state == "solution":
            commands.append(f"solve {self.lesson.code}")
        elif state.startswith("after "):
            ids = [step.id for step in self.lesson.steps]
            commands += [f"solve {each}" for each in ids[: ids.index(state.removeprefix("after ")) + 1]]
        said = "".join(self.run(f"./workshop {command}", cwd=".") for command in commands)
        if not self.project.folder.is_dir():
            raise WorkshopError(f"{self.lesson.name} could not be started: {said}")

    def fill(self, photos: int) -> None:
        """Make the database, and so many photos of 12 megapixels; resized, where a task does that."""
        said = self.run("python manage.py migrate --no-input")
        if photos:
            from workshop.photos.samples import PHONE_PHOTO

            file, script = self.root / PHONE_PHOTO.name, self.root / "photos.py"
            file.write_bytes(PHONE_PHOTO.content())
            script.write_text(PHOTOS.format(count=photos, file=file), encoding="utf-8")
            said += self.run(f"python manage.py shell -v 0 < {script}")
        if "Traceback" in said:
            raise WorkshopError(f"The project could not be prepared:\n{said}")

    def edit(self, file: str, replace: str, with_: str) -> None:
        """Put `with_` in the place of `replace`. Raises WorkshopError when that is not there exactly once."""
        path = self.project.folder / file
        text = path.read_text(encoding="utf-8")
        if (times := text.count(replace)) != 1:
            raise WorkshopError(f"{file} has this {times} times, not once: {replace}")
        path.write_text(text.replace(replace, with_), encoding="utf-8")

    def _environment(self, ports: dict[str, int]) -> dict[str, str]:
        url = f"redis://localhost:{ports['broker']}/0"
        environment = self.project.environment(url, port=ports["site"], kept=False)
        environment.pop("FORCE_COLOR", None)
        environment |= flower.environment(ports["flower"])
        return environment | {
            "WORKSHOP_ROOT": str(self.root),
            "WORKSHOP_BROKER_PORT": str(ports["broker"]),
            "PYTHONPATH": str(paths.SOURCES),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(self.root),
            # As a person in a terminal sees it, at UTC, and without colours.
            "TZ": "UTC",
            "NO_COLOR": "1",
            "TTY_COMPATIBLE": "1",
            "TTY_INTERACTIVE": "0",
            "COLUMNS": str(WIDTH),
        }
