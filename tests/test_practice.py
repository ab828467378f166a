"""The app `practice` makes services fail on purpose: it obeys its switch, and no deployment uses it."""

import json
import os
import re

import pytest
import yaml
from deployed_server import FILES, variables
from projects import PRODUCTION, Project

from workshop import paths
from workshop.runtime import temporary_servers
from workshop.runtime.solution_site import Site, newest

PROJECTS = sorted(file.parents[1] for file in paths.SOLUTIONS.glob("*/practice/modes.py"))
each_project = pytest.mark.parametrize("folder", PROJECTS, ids=lambda folder: folder.name)
FINISHED = paths.SOLUTIONS / newest()
BUCKET = {"AWS_STORAGE_BUCKET_NAME": "photos", "AWS_S3_REGION_NAME": "eu-central-1"}
SERVICES = """
import json, sys
import django; django.setup()
from django.conf import settings
from django.core.files.storage import storages
from django.core.mail import get_connection

used = [storages["default"], storages["resized"], get_connection()]
names = [f"{cls.__module__}.{cls.__name__}" for service in used for cls in type(service).__mro__]
print(json.dumps({"uses": names, "apps": settings.INSTALLED_APPS, "modules": list(sys.modules)}))
"""


def run(folder, *arguments, **environment):
    """Run Python in a project, with only these settings."""
    sources = os.pathsep.join(map(str, (folder, paths.SOURCES, paths.ROOT / "docker")))
    return Project(folder, folder / "data", PYTHONPATH=sources).python(*arguments, **environment)


def said(folder, *arguments, **environment):
    done = run(folder, *arguments, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def services(folder, data, **environment):
    """Return the classes with which the project stores photos and sends emails, and which are of practice."""
    found = json.loads(said(folder, "-c", SERVICES, **{"DATA_DIR": str(data)} | environment))
    of_practice = [name for names in found.values() for name in names if name.partition(".")[0] == "practice"]
    return found["uses"], of_practice, found["modules"]


@pytest.mark.parametrize("bucket", [{}, BUCKET], ids=["folder", "bucket"])
@each_project
def test_a_server_uses_nothing_of_practice(folder, bucket, tmp_path):
    uses, of_practice, _ = services(folder, tmp_path, **PRODUCTION, **bucket)
    assert of_practice == []
    assert ("images.buckets.Bucket" if bucket else "images.storage.AtomicStorage") in uses
    if (folder / "upkeep").is_dir():
        assert "upkeep.mail.FileMail" in uses
    done = run(folder, "manage.py", "storage", "down", DATA_DIR=str(tmp_path), **PRODUCTION)
    assert "Unknown command: 'storage'" in done.stderr
    assert not (tmp_path / "storage-mode").exists()


@pytest.mark.parametrize("bucket", [{}, BUCKET], ids=["folder", "bucket"])
@each_project
def test_a_learner_practices(folder, bucket, tmp_path):
    uses, _, modules = services(folder, tmp_path, **bucket)
    assert ("practice.buckets.PracticeBucket" if bucket else "practice.storage.PracticeStorage") in uses
    assert ("practice.mail.PracticeMail" in uses) == (folder / "upkeep").is_dir()
    assert ("boto3" in modules) == bool(bucket)


def test_emails_go_out_where_there_is_a_server(tmp_path):
    uses, _, _ = services(FINISHED, tmp_path, EMAIL_HOST="localhost", PRACTICE="1")
    assert "django.core.mail.backends.smtp.EmailBackend" in uses


def in_the_image():
    text = (paths.ROOT / "Dockerfile").read_text(encoding="utf-8")
    return dict(re.findall(r"^(?:ENV|   ) ?(\w+)=(\S+)", text, flags=re.M))


def of_compose():
    services = yaml.safe_load((paths.ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    return {
        name: re.sub(r"\$\{\w+(?::-([^}]*)|[^}]*)\}", r"\1", value or "")
        for name, value in services["worker"]["environment"].items()
    }


def of_kubernetes():
    text = (paths.DOCS / "examples/kubernetes/photos.yaml").read_text(encoding="utf-8")
    (found,) = [each["data"] for each in yaml.safe_load(text)["items"] if each["kind"] == "ConfigMap"]
    return found


DEPLOYMENTS = {
    "guide": lambda _: variables((FILES / "photos.env").read_text(encoding="utf-8")),
    "compose": lambda _: in_the_image() | of_compose(),
    "kubernetes": lambda _: in_the_image() | of_kubernetes(),
    "image alone": lambda _: in_the_image(),
    "site of the workshop": lambda folder: Site(newest(), folder).environment,
}


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_no_deployment_practices(name, tmp_path):
    known = DEPLOYMENTS[name](tmp_path)
    wanted = ("DEBUG", "PRACTICE", "DJANGO_SETTINGS_MODULE")
    environment = {variable: known[variable] for variable in wanted if variable in known}
    _, of_practice, _ = services(FINISHED, tmp_path, SECRET_KEY=PRODUCTION["SECRET_KEY"], **environment)
    assert of_practice == []


@pytest.mark.parametrize(
    ("environment", "complains"),
    [({}, False), (PRODUCTION, False), (PRODUCTION | {"PRACTICE": "1"}, True), ({"PRACTICE": "1"}, False)],
    ids=["learner", "server", "practicing server", "practicing learner"],
)
@each_project
def test_the_deployment_check_complains_on_a_server_that_practices(folder, environment, complains, tmp_path):
    done = run(folder, "manage.py", "check", "--deploy", DATA_DIR=str(tmp_path), **environment)
    assert ("(practice.E001)" in done.stderr) == complains, done.stderr
    assert done.returncode == complains
    if complains:
        assert "Set PRACTICE=0" in done.stderr


KILLED = """
import os, signal
import django; django.setup()
from django.core.files.base import ContentFile, File
from django.core.files.storage import storages

class Deadly(ContentFile):
    def chunks(self, chunk_size=None):
        yield b"new"
        os.kill(os.getpid(), signal.SIGKILL)

storage = storages["resized"]
storage.save("1/old.jpg", ContentFile(b"old"))
storage.save("1/{name}", Deadly(b"new and more"))
"""


@pytest.mark.parametrize("practice", ["0", "1"])
@pytest.mark.parametrize("name", ["old.jpg", "first.jpg"])
@pytest.mark.parametrize("project", ["03-images", "05-beat"])
def test_a_killed_write_leaves_no_half_file(project, practice, name, tmp_path):
    folder, code = paths.SOLUTIONS / project, KILLED.replace("{name}", name)
    done = run(folder, "-c", code, DATA_DIR=str(tmp_path), PRACTICE=practice)
    assert done.returncode == -9, done.stderr
    assert {file.name: file.read_bytes() for file in tmp_path.glob("media/1/*.jpg")} == {"old.jpg": b"old"}


SWITCHED = """
import sys, threading
import django; django.setup()
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.mail import EmailMessage
from practice.modes import set_mode

service, modes = sys.argv[1], sys.argv[2].split(",")

def call():
    if service == "mail":
        EmailMessage("About", "a photo", to=["ada@example.com"]).send()
    else:
        storages["resized"].save("1/photo.jpg", ContentFile(b"photo"))

def switch():
    for number in range(3000):
        set_mode(service, modes[number % len(modes)])

set_mode(service, modes[0])
switching = threading.Thread(target=switch)
switching.start()
outcomes = set()
while switching.is_alive():
    try:
        call()
        outcomes.add("done")
    except Exception as error:
        outcomes.add(type(error).__name__)
print(*sorted(outcomes))
"""


@pytest.mark.parametrize(
    ("service", "refusal"), [("storage", "ConnectionError"), ("mail", "ConnectionRefusedError")]
)
def test_a_mode_is_obeyed_while_it_is_switched(service, refusal, tmp_path):
    """A service that is down always refuses. Between slow and down, there is no third outcome."""
    assert said(FINISHED, "-c", SWITCHED, service, "down", DATA_DIR=str(tmp_path)) == f"{refusal}\n"
    found = said(FINISHED, "-c", SWITCHED, service, "slow 0,down", DATA_DIR=str(tmp_path)).split()
    assert set(found) <= {refusal, "done"}
    assert said(FINISHED, "-c", SWITCHED, service, "ok", DATA_DIR=str(tmp_path)) == "done\n"
    assert [each.name for each in tmp_path.glob("*-mode*")] == [f"{service}-mode"]


OVERRIDDEN = """
import sys
from pathlib import Path
import django; django.setup()
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.test import override_settings
from practice.modes import set_mode

set_mode("storage", "down")
other = Path(sys.argv[1])
with override_settings(DATA_DIR=other, MEDIA_ROOT=other / "media"):
    print(storages["resized"].save("photo.jpg", ContentFile(b"photo")))
    set_mode("storage", "ok")
try:
    storages["resized"].save("photo.jpg", ContentFile(b"photo"))
except ConnectionError as error:
    print(error)
"""


def test_the_mode_is_in_the_data_folder_of_the_moment(tmp_path):
    (other := tmp_path / "other").mkdir()
    found = said(FINISHED, "-c", OVERRIDDEN, str(other), DATA_DIR=str(tmp_path))
    assert found == "photo.jpg\nThe photo storage doesn't respond.\n"


IN_A_BUCKET = """
import django; django.setup()
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from practice.modes import set_mode

for mode in ("down", "ok"):
    set_mode("storage", mode)
    try:
        print(storages["resized"].save("1/photo.jpg", ContentFile(b"photo")))
    except ConnectionError as error:
        print(error)
"""


def test_practice_stands_in_front_of_a_bucket(tmp_path):
    with temporary_servers.bucket() as environment:
        found = said(FINISHED, "-c", IN_A_BUCKET, DATA_DIR=str(tmp_path), **environment)
    assert found == "The photo storage doesn't respond.\n1/photo.jpg\n"


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "3601"])
@pytest.mark.parametrize("service", ["storage", "mail"])
def test_impossible_seconds_are_refused_in_a_sentence(service, seconds, tmp_path):
    done = run(FINISHED, "manage.py", service, "slow", seconds, DATA_DIR=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"CommandError: {seconds} seconds are not possible. Use a number from 0 to 3600.\n"


IN_A_NOTEBOOK = """
import django; django.setup()
from django.core.management import call_command
from workshop.notebookkit.readable_errors import explain

try:
    call_command("storage", "ok")
except Exception as error:
    print(explain(error, "./workshop up", has_celery=False))
"""


def test_a_notebook_without_practice_says_how_to_turn_it_on(tmp_path):
    found = said(FINISHED, "-c", IN_A_NOTEBOOK, DATA_DIR=str(tmp_path), PRACTICE="0")
    assert found.startswith("Unknown command: 'storage'. Practice mode is off. Start the site, ")
    assert "PRACTICE=1 ./workshop compose up --wait" in found
