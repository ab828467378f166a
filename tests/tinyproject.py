"""A workshop of two small lessons in a temporary folder, to run `./workshop up` on."""

from pathlib import Path

from files import write

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
    """Create a workshop with the lessons 01-tiny and 02-waiting, both started in the playground."""
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
