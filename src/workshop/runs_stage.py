"""Where a run happens: a copy of the workshop in a temporary folder, with its own broker and processes."""

import contextlib
import io
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from honcho.printer import Printer

from . import flower, lessons, paths
from .broker import Broker
from .demo_site import OF_ANOTHER_SITE
from .errors import WorkshopError
from .ports import free_port
from .processes import START_SECONDS, Supervisor
from .project import Project
from .services import Service, from_procfile

SECONDS = 600
"""How long a command may take, and how long a line of a log may be waited for."""
USUAL = {"site": 8000, "broker": 6379, "flower": 5555}
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


class Stage:
    """One state of a project, what runs beside it, and a folder that stands for the clone. A context manager.

    lesson: its name. state: "starter", "solution", or "after 2.3": the starter with the steps up to 2.3.
    edits: each {file, replace, with}, in the project. broker: one runs; else nobody listens at its address.
    beside: processes of the Procfile. processes: more of them, or others, {name: command}.
    photos: so many large photos are there, resized where the lesson does that in a task.
    """

    def __init__(
        self,
        lesson: str,
        state: str = "solution",
        edits: tuple = (),
        broker: bool = True,
        beside: tuple = (),
        processes: dict[str, str] | None = None,
        photos: int = 0,
        env: dict[str, str] | None = None,
        width: int = 100,
    ):
        self.lesson, self.state, self.edits = lessons.find(lesson), state, edits
        self.beside, self.processes, self.photos = beside, processes or {}, photos
        self.ports = {name: free_port() for name in USUAL}
        self._wants_broker, self._more, self._width = broker, env or {}, width
        self._supervisor: Supervisor | None = None
        self._ready, self._ended = threading.Event(), threading.Event()

    def __enter__(self) -> "Stage":
        self._stack = contextlib.ExitStack()
        try:
            folder = tempfile.TemporaryDirectory(prefix="workshop-runs-", ignore_cleanup_errors=True)
            self.root = Path(self._stack.enter_context(folder)).resolve()
            self._copy()
            if self._wants_broker:
                self._stack.enter_context(Broker(port=self.ports["broker"]))
            self.environment = self._environment()
            self._set_state()
            self._fill()
            self._edit()
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *exc_info) -> None:
        self._stack.close()

    @property
    def project(self) -> Project:
        return Project(self.root / "playground" / self.lesson.name, self.lesson)

    @property
    def usual_ports(self) -> dict[int, int]:
        """{a port of this run: the one that a page shows}."""
        return {self.ports[name]: usual for name, usual in USUAL.items()}

    def run(self, command: str, cwd: str | None = None) -> str:
        """What `command` prints, on both streams together. cwd: below the root; None means the project."""
        folder = self.project.folder if cwd is None else self.root / cwd
        try:
            run = subprocess.run(
                ["bash", "-c", command],
                cwd=folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise WorkshopError(f"This took more than {SECONDS} s, and was ended: {command}") from None
        return run.stdout.decode("utf-8", "replace")

    def log(self, name: str, until: str = "", times: int = 1) -> str:
        """What the process `name` has written, once `until` is in it so many times."""
        end = time.monotonic() + SECONDS
        while True:
            file = self._log(name)
            text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
            if len(re.findall(until, text, re.M)) >= times:
                return text
            if time.monotonic() > end:
                raise WorkshopError(f"{name} has not written {until!r} {times} times. It wrote:\n{text}")
            time.sleep(0.05)

    def _copy(self) -> None:
        ignored = shutil.ignore_patterns("data", "__pycache__", ".*")
        for name in ("lessons", "solutions", "docs/runs"):
            shutil.copytree(paths.ROOT / name, self.root / name, ignore=ignored)
        script = self.root / "workshop"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m workshop "$@"\n')
        script.chmod(0o755)

    def _environment(self) -> dict[str, str]:
        url = f"redis://localhost:{self.ports['broker']}/0"
        environment = self.project.environment(url, port=self.ports["site"])
        for name in (*OF_ANOTHER_SITE, "REDIS_URL" if self.lesson.number == 1 else "", "FORCE_COLOR"):
            environment.pop(name, None)
        return (
            environment
            | flower.environment(self.ports["flower"])
            | {
                "WORKSHOP_ROOT": str(self.root),
                "WORKSHOP_BROKER_PORT": str(self.ports["broker"]),
                "PYTHONPATH": str(Path(__file__).parents[1]),
                "PYTHONDONTWRITEBYTECODE": "1",
                "TMPDIR": str(self.root),
                # As a person in a terminal sees it, at UTC, and without colours.
                "TZ": "UTC",
                "NO_COLOR": "1",
                "TTY_COMPATIBLE": "1",
                "TTY_INTERACTIVE": "0",
                "COLUMNS": str(self._width),
            }
            | self._more
        )

    def _set_state(self) -> None:
        """Through the learner's own commands."""
        code, wanted = self.lesson.code, self.state
        todo = [f"start {code}"]
        if wanted == "solution":
            todo.append(f"solve {code}")
        elif wanted.startswith("after "):
            ids = [step.id for step in self.lesson.steps]
            todo += [f"solve {each}" for each in ids[: ids.index(wanted.removeprefix("after ")) + 1]]
        for command in todo:
            self.run(f"./workshop {command}", cwd=".")
        if not self.project.folder.is_dir():
            raise WorkshopError(f"{self.lesson.name} could not be started in {self.root}.")

    def _edit(self) -> None:
        for edit in self.edits:
            file = self.project.folder / edit["file"]
            text = file.read_text(encoding="utf-8")
            if text.count(edit["replace"]) != 1:
                times = text.count(edit["replace"])
                raise WorkshopError(f"{edit['file']} has this {times} times, not once: {edit['replace']}")
            file.write_text(text.replace(edit["replace"], edit["with"]), encoding="utf-8")

    def _fill(self) -> None:
        if not (self.beside or self.processes or self.photos):
            return
        said = self.run("python manage.py migrate --no-input")
        if self.photos:
            from .samples import PHONE_PHOTO

            file = self.root / PHONE_PHOTO.name
            file.write_bytes(PHONE_PHOTO.content())
            script = self.root / "photos.py"
            script.write_text(PHOTOS.format(count=self.photos, file=file), encoding="utf-8")
            said += self.run(f"python manage.py shell -v 0 < {script}")
        if "Traceback" in said:
            raise WorkshopError(f"The project could not be prepared:\n{said}")

    def _start(self) -> None:
        services = list(self._services())
        if not services:
            return
        self._supervisor = Supervisor(
            services,
            self.project.folder,
            Printer(io.StringIO(), colour=False),
            say=lambda text: None,
            on_ready=self._ready.set,
        )
        threading.Thread(target=self._keep, daemon=True).start()
        self._stack.callback(self._stop)
        self._ready.wait(START_SECONDS + 5)
        if missing := set(self.beside) & set(self._supervisor.not_ready()):
            logs = "\n".join(self.log(name) for name in sorted(missing))
            raise WorkshopError(f"{', '.join(sorted(missing))} did not start:\n{logs}")

    def _services(self) -> Iterator[Service]:
        if self.beside:
            from_file = from_procfile(self.project, self.environment, self.ports["site"])
            for service in from_file:
                if service.name in self.beside and service.name not in self.processes:
                    yield replace(service, log=self._log(service.name), waits=None)
        for name, command in self.processes.items():
            ready = " ready." if " worker" in command and self._wants_broker else None
            port = self.ports["flower"] if " flower" in command else None
            service = Service(name, command, self.project.folder, self.environment, port, ready)
            yield replace(service, log=self._log(name))

    def _log(self, name: str) -> Path:
        return self.root / f"{name}.log"

    def _keep(self) -> None:
        try:
            self._supervisor.run()
        finally:
            self._ended.set()
            self._ready.set()

    def _stop(self) -> None:
        self._supervisor.stop()
        self._ended.wait()
