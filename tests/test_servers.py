"""The projects on real servers, which environment variables name. Tests without their server are skipped."""

import os
import re
import shutil
import sys
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import httpx
import psycopg
import pytest
import redis
import servers
from check_events import check_events
from files import edit, program
from PIL import Image
from projects import PATIENCE, Project, copy_of
from repeating import repeating

from workshop import paths
from workshop.checkkit import beat, photos, until
from workshop.checkkit.worker import QUICK_START
from workshop.checks.events import Checked, Finished
from workshop.course import project
from workshop.errors import WorkshopError
from workshop.photos.visitor import Visitor
from workshop.runtime import temporary_database, temporary_vhosts
from workshop.runtime.forked_process import ForkServer
from workshop.system import atomic_file

EARLIER, LAST = ("02-celery-basics", "03-images", "04-flower"), "05-beat"


@pytest.fixture(scope="module")
def postgres():
    with servers.postgres() as url:
        yield url


def outcome(name: str, forks: ForkServer) -> tuple[dict[str, bool], list[Checked]]:
    """Check solutions/`name`. Returns {step: whether it passed}, and the checks that failed."""
    events = check_events(project.at(paths.SOLUTIONS / name), everything=True, forks=forks)
    assert events[-1] == Finished(), events[-1]
    checks = [event for event in events if isinstance(event, Checked)]
    steps = {each.step: True for each in checks}
    failed = [each for each in checks if not each.passed]
    return steps | {each.step: False for each in failed}, failed


def asked(url: str, question: str) -> list[tuple]:
    with psycopg.connect(url) as connection:
        return connection.execute(question).fetchall()


DATABASES = "SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1"


@pytest.fixture
def on_postgres(postgres, monkeypatch):
    """The checks run in a separate database, which they delete. The learner's database stays as it was."""
    servers.keep(monkeypatch, "DATABASE_URL", postgres)
    made = "SELECT count(*) FROM pg_stat_database WHERE datname = 'photos' AND tup_inserted > 0"
    before = asked(postgres, made)
    yield
    assert asked(postgres, DATABASES) == [("photos",), ("postgres",)]
    assert asked(postgres, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []
    assert asked(postgres, made) == before


@pytest.fixture(scope="module")
def rabbitmq():
    with servers.rabbitmq() as url:
        yield url


def vhosts_of(api: str) -> list[str]:
    return sorted(each["name"] for each in httpx.get(f"{api}/vhosts").json())


@pytest.fixture
def on_rabbitmq(rabbitmq, monkeypatch):
    """The checks run in separate virtual hosts, which they delete."""
    servers.keep(monkeypatch, "CELERY_BROKER_URL", rabbitmq)
    yield
    assert vhosts_of(os.environ["WORKSHOP_RABBITMQ_API"]) == ["/"]


@pytest.mark.parametrize("server", ["on_postgres", "on_rabbitmq"])
def test_the_checks_of_the_finished_system_pass(request, server, forks):
    request.getfixturevalue(server)
    all_pass(LAST, forks)


@pytest.mark.parametrize("name", EARLIER)
def test_the_checks_pass(request, name, forks):
    """On both servers at once. If only one is installed, the other one is reported as skipped."""
    missing = []
    for server in ("on_postgres", "on_rabbitmq"):
        try:
            request.getfixturevalue(server)
        except pytest.skip.Exception as skipped:
            missing.append(str(skipped))
    if len(missing) < 2:
        all_pass(name, forks)
    if missing:
        pytest.skip(" ".join(missing))


def all_pass(name: str, forks: ForkServer) -> None:
    steps, failed = outcome(name, forks)
    assert not failed, "\n".join(map(str, failed))
    assert len(steps) > len(project.at(paths.SOLUTIONS / name).lesson.steps), steps  # and what was given


def test_a_run_has_a_database_of_its_own(postgres):
    with temporary_database.create(postgres) as one, temporary_database.create(postgres) as other:
        assert len({one, other, postgres}) == 3
        psycopg.connect(one).execute("SELECT 1")  # left open: it is dropped nevertheless
    assert asked(postgres, DATABASES) == [("photos",), ("postgres",)]


def test_a_server_that_refuses_is_said_in_a_sentence(postgres):
    asked_as = postgres.replace("postgres@", "visitor@")
    temporary_database.execute(postgres, "CREATE ROLE visitor LOGIN")
    with (
        pytest.raises(WorkshopError, match='ALTER ROLE "visitor" CREATEDB'),
        temporary_database.create(asked_as),
    ):
        pass
    with (
        pytest.raises(WorkshopError, match="doesn't respond"),
        temporary_database.create("postgres://localhost:1/photos"),
    ):
        pass


class Site(Project):
    """A copy of solutions/05-beat with its data below `folder`."""

    def __init__(self, folder: Path, **environment: str):
        copied = copy_of(paths.SOLUTIONS / "05-beat", folder / "app")
        super().__init__(copied, folder / "data", **environment)

    def backups(self) -> list[Path]:
        return sorted(self.data.glob("backups/*"))


@pytest.fixture
def site(postgres, tmp_path):
    with temporary_database.create(postgres) as url:
        site = Site(tmp_path, DATABASE_URL=url)
        site.url = url
        site.manage("migrate", "-v0")
        yield site


SUBSCRIBERS = "SELECT email, count(*) FROM upkeep_subscriber GROUP BY email ORDER BY email"


def test_a_backup_is_one_moment_and_comes_back(site):
    """In the meantime, another process writes one number after another into 400 rows at once."""
    rows = "INSERT INTO check_moment SELECT 0, repeat('x', 900) FROM generate_series(1, 400)"
    temporary_database.execute(site.url, "CREATE TABLE check_moment (number integer, filling text)")
    temporary_database.execute(site.url, rows)
    connection = psycopg.connect(site.url, autocommit=True)
    add = "UPDATE check_moment SET number = number + 1"
    with connection, repeating(lambda _: connection.execute(add)) as written:
        site.manage("backup")
        during = len(written)
        site.manage("backup")
    assert during
    first, second = site.backups()
    assert {file.name for file in first.iterdir()} == {"db.dump", "media.sha256"}
    temporary_database.execute(site.url, "DELETE FROM check_moment")
    temporary_database.execute(site.url, "INSERT INTO upkeep_subscriber (email) VALUES ('late@example.com')")
    said = site.manage("restore", second.name)
    assert f"as it was at {second.name}" in said
    found = asked(site.url, "SELECT number, count(*) FROM check_moment GROUP BY number")
    assert [count for _, count in found] == [400]
    assert during <= found[0][0] <= len(written)
    assert asked(site.url, SUBSCRIBERS) == []
    # A separate backup contains what was there before the restore.
    site.manage("restore", site.backups()[-1].name)
    assert asked(site.url, SUBSCRIBERS) == [("late@example.com", 1)]
    # Into a fresh database as well.
    with temporary_database.create(site.url) as fresh:
        site.manage("restore", first.name, DATABASE_URL=fresh)
        assert asked(fresh, "SELECT count(*) FROM check_moment") == [(400,)]


def test_a_damaged_backup_is_refused_and_changes_nothing(site):
    site.manage("backup")
    dump = site.backups()[0] / "db.dump"
    dump.write_bytes(dump.read_bytes()[:-2000])
    temporary_database.execute(site.url, "INSERT INTO upkeep_subscriber (email) VALUES ('here@example.com')")
    said = site.manage("restore", dump.parent.name, fails=True)
    assert "CommandError: pg_restore failed" in said
    assert asked(site.url, SUBSCRIBERS) == [("here@example.com", 1)]


def test_a_restore_that_fails_in_the_middle_changes_nothing(site):
    site.manage("backup")
    name = site.backups()[0].name
    temporary_database.execute(site.url, "INSERT INTO upkeep_subscriber (email) VALUES ('here@example.com')")
    # The backup's table cannot be dropped because another table references it.
    temporary_database.execute(
        site.url, "CREATE TABLE note (id bigint REFERENCES upkeep_subscriber (id), text varchar(9))"
    )
    said = site.manage("restore", name, fails=True)
    assert "Nothing was changed: " in said
    assert "other objects depend on it" in said
    assert asked(site.url, SUBSCRIBERS) == [("here@example.com", 1)]


def test_what_is_written_during_a_restore_is_in_the_safety_copy_or_in_the_database(site):
    site.manage("backup")
    connection = psycopg.connect(site.url, autocommit=True)

    def insert(number):
        email = f"{number}@example.com"
        connection.execute("INSERT INTO upkeep_subscriber (email) VALUES (%s)", [email])

    with connection, repeating(insert) as written:
        assert until(lambda: len(written) > 20, PATIENCE)
        site.manage("restore", site.backups()[0].name)
        during = len(written)
        assert until(lambda: len(written) > during + 20, PATIENCE)
    restored = {email for email, _ in asked(site.url, SUBSCRIBERS)}
    site.manage("restore", site.backups()[1].name)
    before = {email for email, _ in asked(site.url, SUBSCRIBERS)}
    assert restored
    assert before
    assert restored | before == {f"{number}@example.com" for number in written}
    assert not restored & before


@pytest.mark.parametrize(
    "holds",
    ["INSERT INTO upkeep_subscriber (email) VALUES ('open@example.com')", "SELECT * FROM upkeep_subscriber"],
)
def test_a_restore_does_not_wait_forever_for_another_process(site, holds):
    site.manage("backup")
    edit(site.folder / "upkeep/backups.py", ("PATIENCE = 20", "PATIENCE = 1"))
    temporary_database.execute(site.url, "INSERT INTO upkeep_subscriber (email) VALUES ('here@example.com')")
    with psycopg.connect(site.url) as connection:
        connection.execute(holds)
        said = site.manage("restore", site.backups()[0].name, fails=True)
        connection.rollback()
    assert "Nothing was changed: " in said
    assert "lock timeout" in said
    assert asked(site.url, SUBSCRIBERS) == [("here@example.com", 1)]


def test_a_restore_uses_the_folder_for_uploads(site, tmp_path):
    """In a container, the folder for temporary files is in memory."""
    folder, calls = tmp_path / "incoming", tmp_path / "calls"
    folder.mkdir()
    settings = f"from myproject.settings import *\nFILE_UPLOAD_TEMP_DIR = {str(folder)!r}\n"
    (site.folder / "elsewhere.py").write_text(settings)
    (tmp_path / "bin").mkdir()
    real = shutil.which("pg_restore")
    program(tmp_path / "bin/pg_restore", f'#!/bin/sh\necho "$@" >> {calls}\nexec {real} "$@"\n')
    site.manage("backup")
    path = f"{tmp_path / 'bin'}:{site.environment['PATH']}"
    site.manage("restore", site.backups()[0].name, PATH=path, DJANGO_SETTINGS_MODULE="elsewhere")
    assert f"--file={folder}/" in calls.read_text()
    assert list(folder.iterdir()) == []


def test_programs_that_are_missing_or_too_old_are_said(site, tmp_path):
    site.manage("backup")
    name = site.backups()[0].name
    (tmp_path / "bin").mkdir()
    nothing = {"PATH": str(tmp_path / "bin")}
    said = site.manage("backup", fails=True, **nothing)
    assert "pg_dump is not installed:  apt-get install postgresql-client" in said
    assert "othing was changed" in site.manage("restore", name, fails=True, **nothing)
    program(
        tmp_path / "bin/pg_dump",
        "#!/bin/sh\n"
        "echo 'pg_dump: error: aborting because of server version mismatch' >&2\n"
        "echo 'pg_dump: detail: server version: 17.2; pg_dump version: 15.8' >&2\n"
        "exit 1\n",
    )
    said = site.manage("backup", fails=True, **nothing)
    assert "pg_dump is older than the server" in said
    assert "server version: 17.2; pg_dump version: 15.8" in said
    assert len(site.backups()) == 1


def test_a_mistake_is_found_on_rabbitmq(rabbitmq, monkeypatch, tmp_path, forks):
    """A task that is acknowledged before the work, and a broker that the settings do not name."""
    servers.keep(monkeypatch, "CELERY_BROKER_URL", rabbitmq)
    copy = copy_of(paths.SOLUTIONS / "03-images", tmp_path / "03-images")
    edit(copy / "images/tasks.py", ("acks_late=True", "acks_late=False"))
    events = check_events(project.at(copy), step="3.7", forks=forks)
    failed = [each.failure.what for each in events if isinstance(each, Checked) and not each.passed]
    assert failed == ["the worker has started the task, and the broker no longer has the message."]
    edit(copy / "myproject/settings.py", ("CELERY_BROKER_URL = REDIS_URL", ""))
    events = check_events(project.at(copy), step="3.1", forks=forks)
    failed = [each.failure.what for each in events if isinstance(each, Checked) and not each.passed]
    assert failed == ["the app does not use the broker at REDIS_URL."]


ENDS_WHILE_IT_SENDS = """
import os, signal
from amqp.transport import TCPTransport
from upkeep.beat import OnlyScheduler

write = TCPTransport.write

def interrupted(transport, data):
    if Scheduler.begun and len(data) > 300:  # the message itself
        write(transport, data[: int(PART * len(data))])
        os.kill(os.getpid(), signal.SIGTERM)
    return write(transport, data)

TCPTransport.write = interrupted

class Scheduler(OnlyScheduler):
    begun = 0

    def apply_entry(self, *arguments, **options):
        Scheduler.begun += 1
        try:
            super().apply_entry(*arguments, **options)
        finally:
            Scheduler.begun -= 1
"""


@pytest.mark.parametrize("part", [0, 0.5])
def test_beat_ends_in_the_middle_of_a_message(rabbitmq, broker, monkeypatch, tmp_path, part):
    """SIGTERM comes when `part` of a message is written. The next beat process doesn't wait for the lock."""
    monkeypatch.setenv("PATH", f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(paths.ROOT / "src"))
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    copy = copy_of(paths.SOLUTIONS / LAST, tmp_path / LAST)
    (copy / "interrupted.py").write_text(f"PART = {part}\n{ENDS_WHILE_IT_SENDS}")
    with temporary_vhosts.create(rabbitmq) as url:
        place = SimpleNamespace(environment={"CELERY_BROKER_URL": url, "REDIS_URL": broker.url})
        process = beat.Beat(copy)
        app = SimpleNamespace(conf=SimpleNamespace(beat_scheduler="interrupted:Scheduler"))
        process.start(beat.find_service(copy), app, place)
        try:
            assert until(lambda: not process.running, PATIENCE), process.log
            assert beat.SENDING in process.log
            assert not redis.Redis.from_url(broker.url).get("lock:beat")
        finally:
            process.stop()


def test_without_its_management_plugin_it_is_said_what_to_do(monkeypatch):
    monkeypatch.setenv("WORKSHOP_RABBITMQ_API", "http://guest:guest@localhost:1/api")
    said = pytest.raises(WorkshopError, match="rabbitmq-plugins enable rabbitmq_management")
    with said, temporary_vhosts.create("amqp://guest:guest@localhost:1//"):
        pass


@pytest.fixture
def in_a_bucket(tmp_path, broker):
    """solutions/05-beat with its photos in a bucket, a web server, and a worker with another DATA_DIR."""
    elsewhere = tmp_path / "elsewhere"
    with servers.bucket() as environment:
        site = Site(tmp_path, REDIS_URL=broker.url, DATABASE_URL=f"sqlite:///{tmp_path}/db", **environment)
        options = ["worker", "--loglevel", "INFO", "--concurrency", "1", *QUICK_START]
        variables = {"DATA_DIR": str(elsewhere), "PRACTICE": "1"}
        with site.serving() as address, site.celery(*options, **variables) as worker:
            assert worker.wait_for(" ready.", PATIENCE), worker.output
            site.address, site.worker, site.elsewhere = address, worker, elsewhere
            yield site


def upload(site: Site, content: bytes) -> None:
    with Visitor(site.address) as visitor:
        assert visitor.upload("garden.jpg", content).refusal is None


STATE = (
    "from images.models import UploadedImage; photo = UploadedImage.objects.latest('pk'); "
    "print(photo.state, photo.resized_image.url if photo.resized_image else '')"
)


def test_photos_in_a_bucket(in_a_bucket):
    """Uploaded over HTTP, resized by a worker that shares no folder with the site, and served by address."""
    site = in_a_bucket
    upload(site, photos.jpeg(1000, 750))
    assert until(lambda: "] succeeded" in site.worker.output or "] raised" in site.worker.output, PATIENCE)
    state, address = site.shell(STATE).split()
    assert state == "resized", site.worker.output
    answer = httpx.get(address)
    assert answer.headers["content-type"] == "image/jpeg"
    with Image.open(BytesIO(answer.content)) as picture:
        assert picture.size == (800, 600)
    assert "Signature=" in httpx.get(site.address).text  # the page's pictures come from the bucket
    assert not [*site.data.glob("media/**/*.jpg"), *site.elsewhere.glob("media/**/*.jpg")]

    # The practice storage is a layer in front of the bucket.
    atomic_file.write_text(site.elsewhere / "storage-mode", "down")
    upload(site, photos.jpeg(80, 60))
    assert site.worker.wait_for("The photo storage doesn't respond", PATIENCE), site.worker.output
    atomic_file.write_text(site.elsewhere / "storage-mode", "ok")
    assert until(lambda: site.shell(STATE).startswith("resized"), PATIENCE), site.worker.output


def test_upkeep_of_a_bucket(in_a_bucket):
    """Orphaned files are removed, the others stay. A backup lists no photos."""
    site = in_a_bucket
    upload(site, photos.jpeg(80, 60))
    assert until(lambda: "] succeeded" in site.worker.output, PATIENCE), site.worker.output
    code = (
        "from django.core.files.base import ContentFile; "
        "from django.core.files.storage import default_storage as storage; "
        "from datetime import timedelta; from upkeep import tidying; "
        "storage.save('exports/lost.zip', ContentFile(b'12345')); "
        "storage.save('invoices/2026.pdf', ContentFile(b'of somebody else')); "
        "print(tidying.tidy()); tidying.GRACE = -timedelta(seconds=5); "
        "print(tidying.is_old('exports/vanished.zip'), tidying.remove('exports/vanished.zip')); "
        "print(tidying.tidy(), storage.exists('invoices/2026.pdf')); print(sorted(tidying.stored_files()))"
    )
    now, vanished, later, left = site.shell(code).splitlines()
    assert now == "(0, 0)"  # too young
    assert vanished == "False None"
    assert later == "(1, 5) True"
    assert re.fullmatch(r"\['resized/\d+/garden_resized.jpg', 'uploads/garden.jpg'\]", left)
    site.manage("backup")
    assert (site.backups()[0] / "media.sha256").read_text() == ""
    assert "as it was at" in site.manage("restore", site.backups()[0].name)
