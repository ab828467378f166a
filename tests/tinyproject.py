"""A workshop of two small lessons in a temporary folder, and `up` as a real process on it."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
from printed_text import Printed

from workshop.system.child import Child
from workshop.system.ports import free_port
from workshop.system.waiting import until

SOURCE = Path(__file__).parents[1] / "src"
COMMAND = [sys.executable, "-m", "workshop"]

FILES = {
    "Procfile": "web: python manage.py runserver $PORT\nworker: celery -A myproject worker -l info -c 1\n",
    "manage.py": """\
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "myproject.settings")
from django.core.management import execute_from_command_line

execute_from_command_line(sys.argv)
""",
    "myproject/__init__.py": "from .celery import app as celery_app\n",
    "myproject/celery.py": """\
import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "myproject.settings")
app = Celery("myproject")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
""",
    "myproject/settings.py": """\
import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("DATA_DIR", BASE_DIR / "data"))
DATA_DIR.mkdir(exist_ok=True)
SECRET_KEY = "for tests"
DEBUG = True
ROOT_URLCONF = "myproject.urls"
INSTALLED_APPS = ["images"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA_DIR / "db.sqlite3"}}
REDIS_URL = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = REDIS_URL
""",
    "myproject/urls.py": """\
from django.urls import path
from images.views import home

urlpatterns = [path("", home)]
""",
    "images/__init__.py": "",
    "images/models.py": """\
from django.db import models


class UploadedImage(models.Model):
    is_processed = models.BooleanField(default=False)
    failure_reason = models.CharField(max_length=200, default="")
""",
    "images/migrations/__init__.py": "",
    "images/migrations/0001_initial.py": """\
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            name="UploadedImage",
            fields=[
                ("id", models.AutoField(primary_key=True)),
                ("is_processed", models.BooleanField(default=False)),
                ("failure_reason", models.CharField(default="", max_length=200)),
            ],
        )
    ]
""",
    "images/views.py": """\
from django.http import HttpResponse


def home(request):
    return HttpResponse("hello")
""",
    "images/tasks.py": """\
import time

from celery import shared_task


@shared_task
def nap(seconds):
    print("the nap begins")
    time.sleep(seconds)
    print("the nap is over")
""",
}

MANIFEST = """\
title = "{title}"
reading = 10
goals = ["see it run"]
changed = []

[[steps]]
id = "{number}.1"
title = "The first step"
minutes = 3
files = ["images/tasks.py"]
hints = ["Why?", "Thus."]
"""


def make_root(folder: Path) -> Path:
    """A workshop with lessons 01-tiny and 02-waiting, whose starters are started in the playground."""
    for number, name in ((1, "01-tiny"), (2, "02-waiting")):
        manifest = MANIFEST.format(title=f"Lesson {name}", number=number)
        if number == 2:
            manifest = manifest.replace("[[steps]]", '[waits]\nworker = "2.1"\n\n[[steps]]')
        write(folder / "lessons" / name, {"lesson.toml": manifest})
        write(folder / "playground" / name, FILES)
    write(
        folder / "playground/02-waiting",
        {"myproject/__init__.py": "", "myproject/celery.py": "# TODO 2.1: the app\n"},
    )
    return folder


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


class Up:
    """`./workshop up` as a real process, whose output is read line by line. before: what starts it."""

    def __init__(self, root: Path, lesson: str, port: int, before: Sequence[str] = (), **environment: str):
        own = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "DATA_DIR")}
        own |= {
            "WORKSHOP_BROKER_PORT": str(free_port()),
            "WORKSHOP_ROOT": str(root),
            "PYTHONPATH": str(SOURCE),
            "PYTHONUNBUFFERED": "1",
        } | environment
        self.process = Child(
            [*before, *COMMAND, "up", lesson, "--port", str(port)], folder=root, environment=own
        )
        self.lines: list[str] = []

    def until(self, text: str, seconds: float = 60) -> str:
        """The next line that has `text`, with those before it where `text` goes over several lines.

        Fails when the process ends, or is silent for `seconds`.
        """
        since = len(self.lines)
        while until(lambda: self._unread() or not self.process.running, seconds) and self._unread():
            line = self._unread()[0]
            self.lines.append(line)
            said = line if text in line else Printed("\n".join(self.lines[since:][-3:]))
            if text in said:
                return said
        raise AssertionError(f"{text!r} never came:\n" + self.text)

    def _unread(self) -> list[str]:
        """The complete lines that `until` has not read yet."""
        return self.process.output.rpartition("\n")[0].splitlines()[len(self.lines) :]

    @property
    def text(self) -> str:
        return Printed("\n".join(self.lines))

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def send(self, number: signal.Signals) -> None:
        self.process.signal(number)

    def end(self, seconds: float = 60) -> int:
        """The exit code, once the process has ended."""
        code = self.process.wait(seconds)
        assert code is not None, f"It is still running after {seconds} s:\n" + self.process.output
        self.lines += self._unread()
        return code
