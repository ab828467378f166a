"""A copy of the workshop in a temporary folder, with a lesson in the state that a run needs."""

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
"""The width of the recorded terminal, in columns. Longer lines wrap on the page."""
SECONDS = 600
"""The maximum time for a command, in seconds."""
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
    """A clone in `root`, with the learner's copy of `lesson` in its playground.

    ports: the ports of the site, the broker and Flower. env: additional variables for all processes.
    """

    def __init__(self, root: Path, lesson: Lesson, ports: dict[str, int], env: dict[str, str]):
        self.root, self.lesson = root, lesson
        self.project = Project(root / "playground" / lesson.name, lesson)
        self.environment = self._environment(ports) | env

    def run(self, command: str, cwd: str | None = None) -> str:
        """Run `command` in bash, and return the combined output of both streams.

        cwd: a folder in the root; None means the project. Raises WorkshopError if the command takes too long.
        Its processes are always stopped.
        """
        folder = self.project.folder if cwd is None else self.root / cwd
        with Child(["bash", "-c", command], folder=folder, environment=self.environment) as child:
            if child.wait(SECONDS) is None:
                raise WorkshopError(f"This took more than {SECONDS} s, so it was stopped: {command}")
            child.kill()  # also what it left running, before its output is read
            return child.output

    def make(self, state: str) -> None:
        """Copy the lessons, and bring this lesson to `state` with the learner's commands."""
        ignored = shutil.ignore_patterns("data", "__pycache__", ".*")
        for name in ("lessons", "solutions", "docs/runs", "docs/examples"):
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
        """Create the database and `photos` photos of 12 megapixels.

        If there is a task for it, resize them.
        """
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
        """Replace `replace` with `with_`. Raises WorkshopError if `replace` doesn't occur exactly once."""
        path = self.project.folder / file
        text = path.read_text(encoding="utf-8")
        if (times := text.count(replace)) != 1:
            raise WorkshopError(f"{file} contains this text {times} times instead of once: {replace}")
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
            # As in a person's terminal, but in UTC and without colors.
            "TZ": "UTC",
            "NO_COLOR": "1",
            "TTY_COMPATIBLE": "1",
            "TTY_INTERACTIVE": "0",
            "COLUMNS": str(WIDTH),
        }
