"""A copy of the workshop in a temporary folder, with a lesson in the state that a recording needs."""

import contextlib
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from workshop import paths
from workshop.course.lessons import Lesson
from workshop.course.project import Project
from workshop.errors import WorkshopError
from workshop.photos.samples import PHONE_PHOTO
from workshop.runtime import flower
from workshop.system import signals
from workshop.system.child import Child

WIDTH = 80
"""The width of the recorded terminal, in columns. On a page, longer lines would wrap."""
SECONDS = 600
"""The maximum duration of a command, in seconds."""
STOP_SECONDS = 60
"""The time that a command has to stop its own servers, in seconds."""
ADD_PHOTOS = """
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


class WorkshopCopy:
    """A copy of the workshop, with the learner's copy of one lesson in its playground."""

    def __init__(self, root: Path, lesson: Lesson, ports: dict[str, int], env: Mapping[str, str]):
        """Choose the folders and environment variables, without copying anything yet.

        Args:
            root: The folder for the copy.
            lesson: The lesson that the learner has started.
            ports: The ports of the site, the broker and Flower, by name.
            env: Additional environment variables for all processes.
        """
        self.root, self.lesson = root, lesson
        self.project = Project(root / "playground" / lesson.name, lesson)
        self.environment = self._environment(ports) | env

    def run(self, command: str, cwd: str | None = None) -> str:
        """Run a command in bash, and stop all processes that it leaves running.

        Args:
            command: One or more lines of bash.
            cwd: The folder to run the command in, relative to the copy. None means the project's folder.

        Returns:
            The command's standard output and standard error, combined.

        Raises:
            WorkshopError: If the command takes longer than SECONDS seconds.
        """
        folder = self.project.folder if cwd is None else self.root / cwd
        with Child(["bash", "-c", command], folder=folder, environment=self.environment) as child:
            try:
                if child.wait(SECONDS) is None:
                    raise WorkshopError(
                        f"This command took longer than {SECONDS} s, so it was stopped: {command}"
                    )
            except BaseException:
                with signals.held():  # a second Ctrl-C would interrupt the cleanup
                    _end(child)
                raise
            child.kill()  # before the output is read, also kill the processes that the command left running
            return child.output

    def prepare(self, state: str) -> None:
        """Copy the lessons, then start the lesson and solve its steps with a learner's commands.

        Args:
            state: The state of the project (see `Stage.state`).

        Raises:
            WorkshopError: If the lesson could not be started.
        """
        ignored = shutil.ignore_patterns("data", "__pycache__", ".*")
        for name in ("lessons", "solutions", "docs/runs", "docs/examples"):
            shutil.copytree(paths.ROOT / name, self.root / name, ignore=ignored)
        script = self.root / "workshop"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m workshop "$@"\n', encoding="utf-8")
        script.chmod(0o755)
        output = self._workshop(f"start {self.lesson.code}")
        if not self.project.folder.is_dir():
            raise WorkshopError(f"{self.lesson.name} could not be started: {output}")
        if state == "solution":
            self._workshop(f"solve {self.lesson.code}")
        elif state.startswith("after "):
            ids = [step.id for step in self.lesson.steps]
            for step in ids[: ids.index(state.removeprefix("after ")) + 1]:
                self._workshop(f"solve {step}")

    def add_photos(self, count: int) -> None:
        """Create the database, and add 12-megapixel photos to it.

        The photos are also resized if the project has a task that resizes photos.

        Args:
            count: The number of photos.

        Raises:
            WorkshopError: If a command fails.
        """
        output = self.run("python manage.py migrate --no-input")
        if count:
            file, script = self.root / PHONE_PHOTO.name, self.root / "photos.py"
            file.write_bytes(PHONE_PHOTO.content())
            script.write_text(ADD_PHOTOS.format(count=count, file=file), encoding="utf-8")
            output += self.run(f"python manage.py shell -v 0 < {script}")
        if "Traceback" in output:
            raise WorkshopError(f"The project could not be prepared:\n{output}")

    def edit(self, file: str, replace: str, with_: str) -> None:
        """Replace text in one of the project's files.

        Args:
            file: The path of the file, relative to the project's folder.
            replace: The old text.
            with_: The new text.

        Raises:
            WorkshopError: If the file doesn't contain the old text exactly once.
        """
        path = self.project.folder / file
        text = path.read_text(encoding="utf-8")
        if (times := text.count(replace)) != 1:
            raise WorkshopError(f"{file} contains this text {times} times instead of once: {replace}")
        path.write_text(text.replace(replace, with_), encoding="utf-8")

    def _workshop(self, arguments: str) -> str:
        return self.run(f"./workshop {arguments}", cwd=".")

    def _environment(self, ports: dict[str, int]) -> dict[str, str]:
        url = f"redis://localhost:{ports['broker']}/0"
        environment = self.project.environment(url, port=ports["site"], kept=False)
        environment.pop("FORCE_COLOR", None)
        return (
            environment
            | flower.environment(ports["flower"])
            | {
                "WORKSHOP_ROOT": str(self.root),
                "WORKSHOP_BROKER_PORT": str(ports["broker"]),
                "PYTHONPATH": str(paths.SOURCES),
                "PYTHONDONTWRITEBYTECODE": "1",
                "TMPDIR": str(self.root),
                # As in a user's terminal, but in UTC and without colors.
                "TZ": "UTC",
                "NO_COLOR": "1",
                "TTY_COMPATIBLE": "1",
                "TTY_INTERACTIVE": "0",
                "COLUMNS": str(WIDTH),
            }
        )


def _end(shell: Child) -> None:
    """Stop a shell and all programs that it started.

    On SIGTERM, a shell exits without waiting for its programs, but only these programs can stop the servers
    that they started.
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        processes = psutil.Process(shell.pid).children(recursive=True)
        signals.to_group(shell.pid, signal.SIGTERM)
        _, left = psutil.wait_procs(processes, STOP_SECONDS)
        for process in left:
            process.kill()
