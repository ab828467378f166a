"""The app `upkeep` of lesson 05: it follows changed settings, and interruptions do no harm."""

import sqlite3
from contextlib import closing

import pytest
from projects import PATIENCE
from repeating import repeating

from workshop.checkkit.worker import QUICK_START
from workshop.runtime.broker import Broker
from workshop.system.ports import free_port
from workshop.system.waiting import until

DJANGO = """
import os, shutil, sys, time
from datetime import date, datetime, timedelta
from pathlib import Path
import django
django.setup()
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.core.management import call_command
from django.db import connection, connections
from django.test import override_settings
from django.utils import timezone
from images.models import UploadedImage
from upkeep import backups, locks, reporting, tidying
"""
MEDIA = """
root = Path(settings.MEDIA_ROOT)

def write(name, hours=30, content=b"12345"):
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    then = time.time() - hours * 3600
    os.utime(file, (then, then))
    return file

def photo(image, **fields):
    return UploadedImage.objects.bulk_create([UploadedImage(image=image, width=8, height=6, **fields)])[0]

def after_the_list(action):
    \"\"\"tidy() does the action just after it has listed the orphans.\"\"\"
    made = tidying.orphans
    def orphans(now=None):
        found = made(now)
        action()
        return found
    tidying.orphans = orphans
"""


@pytest.fixture
def run(solution, tmp_path):
    """run(code, **environment): run code in the finished project, and return what it prints."""
    project = solution("05-beat")
    return lambda code, **environment: project.run("-c", DJANGO + code, **environment)


def test_the_report_follows_the_time_zone(run):
    found = run("""
for zone in ("Asia/Shanghai", "Europe/Berlin", "Asia/Shanghai"):
    with override_settings(CELERY_TIMEZONE=zone):
        begin, end = reporting.bounds(date(2026, 3, 29))
        print(zone, (end.timestamp() - begin.timestamp()) / 3600)
""")
    assert found.splitlines() == [
        "Asia/Shanghai 24.0",
        "Europe/Berlin 23.0",
        "Asia/Shanghai 24.0",
    ]


def test_tidying_and_backups_follow_the_storage(run):
    """A second folder, a storage in memory, and a bucket, which has no paths."""
    code = """
def default(backend, *names, **options):
    storage = {"BACKEND": backend, "OPTIONS": options}
    changed = dict.fromkeys(names or ("default", "resized"), storage)
    return override_settings(STORAGES={**settings.STORAGES, **changed})

def listed():
    return [line.split()[1] for line in backups.media_list().splitlines()]

write("uploads/first.jpg")
with default("django.core.files.storage.FileSystemStorage", location=str(settings.DATA_DIR / "elsewhere")):
    name = default_storage.save("exports/second.zip", ContentFile(b"1234"))
    os.utime(default_storage.path(name), (1, 1))
    print(tidying.orphans(), listed(), tidying.tidy(), listed())
with default("django.core.files.storage.InMemoryStorage"):
    storages["resized"].save("exports/third.zip", ContentFile(b"123"))
    storages["resized"].save("invoices/2026.pdf", ContentFile(b"123"))
    print(tidying.orphans(timezone.now() + timedelta(hours=25)), tidying.tidy())
with default("django.core.files.storage.InMemoryStorage", "resized"):  # the originals are on the disk
    storages["resized"].save("resized/7/fourth_resized.jpg", ContentFile(b"12"))
    later = timezone.now() + timedelta(hours=25)
    print(tidying.orphans(later), [tidying.is_old(name, later) for name in tidying.orphans(later)])
with default("images.buckets.Bucket", bucket_name="photos"):
    print(listed(), backups.changed_media(f"{0:064}  exports/gone.zip"))
print(tidying.orphans(), listed())
"""
    assert run(MEDIA + code).splitlines() == [
        "['exports/second.zip'] ['exports/second.zip'] (1, 4) []",
        "['exports/third.zip'] (0, 0)",
        "['uploads/first.jpg', 'resized/7/fourth_resized.jpg'] [True, True]",
        "[] []",
        "['uploads/first.jpg'] ['uploads/first.jpg']",
    ]


def test_backups_follow_the_database(run):
    """A backup contains the database that is the default one at that moment."""
    found = run("""
UploadedImage.objects.bulk_create([UploadedImage(image="uploads/a.jpg", width=1, height=1)])
first = connections["default"]
of = first.settings_dict
connections.databases["second"] = {**of, "NAME": settings.DATA_DIR / "second.sqlite3"}
connections.databases["server"] = {**of, "ENGINE": "django.db.backends.postgresql", "OPTIONS": {}}

def count(folder):
    import sqlite3
    with sqlite3.connect(backups.database_in(folder)) as copy:
        return copy.execute("SELECT count(*) FROM images_uploadedimage").fetchone()[0]

print(count(backups.back_up()))
connections["default"] = connections["second"]
call_command("migrate", verbosity=0)
folder = backups.back_up()
print(count(folder))
UploadedImage.objects.bulk_create([UploadedImage(image="uploads/b.jpg", width=1, height=1)])
backups.restore(folder)
print(UploadedImage.objects.count())
connections["default"] = connections["server"]
print(backups.database_in(Path("x")))
connections["default"] = first
print(UploadedImage.objects.count(), backups.database_in(Path("x")))
""")
    assert found.splitlines() == ["1", "0", "0", "x/db.dump", "1 x/db.sqlite3"]


LOCKS = """
def taken(name):
    with locks.try_lock(name, seconds=60) as acquired:
        return not acquired

with locks.try_lock("one", seconds=60):
    print(taken("one"))
    with override_settings(REDIS_URL=settings.REDIS_URL.replace("/0", "/1")):
        print(taken("one"))
    print(taken("one"))
"""
MANY_LOCKS = """
client = locks.new_lock("a", 60).redis
before = client.info("stats")["total_connections_received"]
for number in range(50):
    with locks.try_lock(f"many-{number}", seconds=60) as acquired:
        assert acquired
print(client.info("stats")["total_connections_received"] - before)

# Children of a fork use it at the same time as their parent.
pids = []
for child in range(4):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            for number in range(200):
                with locks.try_lock(f"{child}-{number}", seconds=60) as acquired:
                    assert acquired and client.get(f"lock:{child}-{number}")
            status = 0
        finally:
            os._exit(status)
    pids.append(pid)
for number in range(200):
    with locks.try_lock(f"parent-{number}", seconds=60) as acquired:
        assert acquired
print([os.waitpid(pid, 0)[1] for pid in pids])
"""


def test_locks_follow_the_address(run, broker):
    assert run(LOCKS, REDIS_URL=broker.url).split() == ["True", "False", "True"]


def test_locks_share_one_connection_and_a_fork_does_not(run, broker):
    assert run(MANY_LOCKS, REDIS_URL=broker.url).splitlines() == ["0", "[0, 0, 0, 0]"]


@pytest.mark.parametrize(
    ("what", "removed", "left"),
    [
        # A restore, or an upload that got the name, brings a row with a file of then.
        ('photo("uploads/lost.jpg")', (0, 0), True),
        ('photo("uploads/other.jpg", resized_image="uploads/lost.jpg")', (0, 0), True),
        # A task that is retried writes the file again; its row comes a moment later.
        ('write("uploads/lost.jpg", hours=0)', (0, 0), True),
        ('(root / "uploads/lost.jpg").unlink()', (0, 0), False),
        ('shutil.rmtree(root / "uploads")', (0, 0), False),
        ("None", (1, 5), False),
    ],
)
def test_a_file_is_looked_at_again_before_it_is_removed(run, what, removed, left):
    code = f"""
write("uploads/lost.jpg")
after_the_list(lambda: {what})
print(tidying.tidy(), (root / "uploads/lost.jpg").exists())
"""
    assert run(MEDIA + code) == f"{removed} {left}"


ODD_NAMES = {
    "not UTF-8": b"caf\xe9.jpg",
    "a line break": b"two\nlines.jpg",
    "a line separator": "two\u2028lines.jpg".encode(),
    "two spaces": b"two  spaces.jpg",
    "a backslash": rb"back\slash.jpg",
}
"""File names that the site doesn't give, but that may be in the folder of the photos all the same."""


@pytest.mark.parametrize("kind", ODD_NAMES)
def test_a_file_with_an_odd_name_stops_no_backup_and_no_tidying(run, kind):
    code = f"""
write("uploads/lost.jpg")
named = photo("uploads/kept.jpg")
write("uploads/kept.jpg")
odd = os.path.join(os.fsencode(root), b"uploads", {ODD_NAMES[kind]!r})
Path(os.fsdecode(odd)).write_bytes(b"12345")
os.utime(odd, (1, 1))
first, second = backups.back_up(), backups.back_up()
print(any("kept.jpg" in line for line in backups.read_list(second)), backups.restore(first))
tidying.tidy()
print(sorted(each.name for each in (root / "uploads").iterdir() if os.fsencode(each) != odd))
"""
    assert run(MEDIA + code).splitlines() == ["True []", "['kept.jpg']"]


def test_a_folder_that_disappears_while_it_is_listed(run):
    code = """
write("resized/1/a.jpg"), write("resized/2/b.jpg"), write("exports/c.zip")
from django.core.files.storage import FileSystemStorage
really = FileSystemStorage.listdir

def listdir(self, path):
    found = really(self, path)
    if path == "resized":
        shutil.rmtree(root / "resized/1")
    return found

FileSystemStorage.listdir = listdir
print(tidying.orphans())
shutil.rmtree(root)
print(tidying.orphans(), tidying.tidy())
"""
    assert run(MEDIA + code).splitlines() == ["['resized/2/b.jpg', 'exports/c.zip']", "[] (0, 0)"]


def test_empty_folders_of_deleted_photos_are_removed(run):
    code = """
kept = photo("uploads/a.jpg")
write("uploads/a.jpg")
for folder in (f"resized/{kept.pk}", "resized/77", "resized/notes", "exports", "other/78"):
    (root / folder).mkdir(parents=True)
write("resized/79/young.jpg", hours=0)
write("resized/80/old.jpg")
print(tidying.tidy())
print(sorted(str(each.relative_to(root)) for each in root.rglob("*") if each.is_dir()), kept.pk)
"""
    removed, folders = run(MEDIA + code).splitlines()
    assert removed == "(1, 5)"
    assert (
        folders
        == str(
            ["exports", "other", "other/78", "resized", "resized/1", "resized/79", "resized/notes", "uploads"]
        )
        + " 1"
    )


def test_a_backup_does_not_mind_a_folder_that_disappears(run):
    code = """
write("uploads/a.jpg"), write("resized/1/b.jpg"), write("resized/2/c.jpg")
scandir = os.scandir

def disappearing(path="."):
    if str(path).endswith("resized/1"):
        shutil.rmtree(path, ignore_errors=True)
    return scandir(path)

os.scandir = disappearing
print(backups.media_list().split()[1::2])
"""
    assert run(MEDIA + code) == "['resized/2/c.jpg', 'uploads/a.jpg']"


def test_a_backup_may_be_completed_while_unfinished_ones_are_removed(run):
    code = """
folder = settings.BACKUP_DIR / ".2026-03-01-193000.partial"
folder.mkdir(parents=True)
stat = os.stat

def completed(path, *arguments, **options):
    found = stat(path, *arguments, **options)
    if Path(path) == folder:
        folder.rename(settings.BACKUP_DIR / "2026-03-01-193000")
    return found

os.stat = completed
print(backups.rotate(), [each.name for each in backups.all_backups()])
"""
    assert run(code) == "[] ['2026-03-01-193000']"


SUBSCRIBERS = "SELECT email FROM upkeep_subscriber"


def emails(file):
    with closing(sqlite3.connect(file, timeout=60)) as database:
        return {email for (email,) in database.execute(SUBSCRIBERS)}


def test_what_is_written_during_a_restore_is_in_the_safety_copy_or_in_the_database(run, tmp_path):
    run(MEDIA + "backups.back_up()")
    options = {"timeout": 60, "isolation_level": None, "check_same_thread": False}
    database = sqlite3.connect(tmp_path / "data/db.sqlite3", **options)

    def insert(number):
        database.execute("INSERT INTO upkeep_subscriber (email) VALUES (?)", [f"{number}@example.com"])

    with closing(database), repeating(insert) as written:
        assert until(lambda: len(written) > 20, PATIENCE)
        said = run('call_command("restore", backups.all_backups()[0].name)')
        during = len(written)
        assert until(lambda: len(written) > during + 20, PATIENCE)
    assert "The previous database is in" in said
    _, safety = sorted((tmp_path / "data/backups").iterdir())
    before, restored = emails(safety / "db.sqlite3"), emails(tmp_path / "data/db.sqlite3")
    assert before
    assert restored
    assert before | restored == {f"{number}@example.com" for number in written}
    assert not before & restored


def test_a_restore_does_not_wait_forever_for_a_writer(run, tmp_path):
    code = """
backups.PATIENCE = 1
call_command("restore", backups.all_backups()[0].name)
"""
    run(MEDIA + "backups.back_up()")
    with closing(sqlite3.connect(tmp_path / "data/db.sqlite3", isolation_level=None)) as other:
        other.execute("INSERT INTO upkeep_subscriber (email) VALUES ('here@example.com')")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(AssertionError, match="Nothing was changed: another process is writing"):
            run(code)
        other.execute("ROLLBACK")
    assert emails(tmp_path / "data/db.sqlite3") == {"here@example.com"}


def test_a_restore_that_cannot_save_the_current_database_changes_nothing(run, tmp_path):
    code = """
made = backups.copy_database
backups.copy_database = lambda target: made(target) if ".partial" not in target.name else full()
def full():
    raise OSError(28, "No space left on device")
call_command("restore", backups.all_backups()[0].name)
"""
    run(MEDIA + "backups.back_up()")
    with closing(sqlite3.connect(tmp_path / "data/db.sqlite3", isolation_level=None)) as other:
        other.execute("INSERT INTO upkeep_subscriber (email) VALUES ('here@example.com')")
    with pytest.raises(AssertionError, match="Nothing was changed: copying .* No space left"):
        run(code)
    assert emails(tmp_path / "data/db.sqlite3") == {"here@example.com"}


def test_backups_in_one_second_have_different_names(run):
    code = """
import threading
now = datetime(2026, 3, 1, 19, 30)
threads = [threading.Thread(target=backups.back_up, args=(now,)) for _ in range(4)]
[each.start() for each in threads]
[each.join() for each in threads]
print(*(each.name for each in settings.BACKUP_DIR.iterdir()))
"""
    expected = [f"2026-03-01-19300{second}" for second in range(4)]
    assert sorted(run(MEDIA + code).split()) == expected


def test_a_backup_reads_only_what_has_changed_since_the_last_one(run):
    code = """
read = []
made = backups.checksum
backups.checksum = lambda file: read.append(file.name) or made(file)
write("uploads/a.jpg", content=b"a"), write("uploads/b.jpg", content=b"b")
first = backups.back_up(timezone.now() + timedelta(seconds=120))
print(read)
read.clear()
second = backups.back_up()
print(read, backups.read_list(first) == backups.read_list(second))
shutil.rmtree(second)
first.rename(first.with_name(f"{timezone.now() - timedelta(hours=1):{backups.NAME}}"))
write("uploads/b.jpg", content=b"c")
read.clear()
backups.back_up()
print(read)
"""
    assert run(MEDIA + code).splitlines() == [
        "['a.jpg', 'b.jpg']",
        "[] True",
        "['a.jpg', 'b.jpg']",
    ]


def test_a_backup_or_tidy_task_that_finds_the_lock_taken_says_so(run, broker):
    code = """
import logging
logging.basicConfig(stream=sys.stdout, format="%(message)s", force=True)
logging.getLogger("upkeep").propagate = True
from upkeep import tasks
for name in ("backup", "tidy"):
    with locks.try_lock(name, seconds=60):
        getattr(tasks, {"backup": "back_up_task", "tidy": "tidy_task"}[name])()
print(backups.all_backups())
"""
    said = run(MEDIA + code, REDIS_URL=broker.url).splitlines()
    assert said == ["Another backup is running.", "Another tidy_task is running.", "[]"]


@pytest.mark.parametrize(("task", "done"), [("back_up_task", "Backup: "), ("tidy_task", "Tidied up: ")])
def test_a_task_whose_lock_is_unavailable_is_retried(solution, broker, task, done):
    """The locks are in a Redis that starts after the task. The messages are in another one."""
    port = free_port()
    servers = {"CELERY_BROKER_URL": broker.url, "REDIS_URL": f"redis://127.0.0.1:{port}/0"}
    project = solution("05-beat", **servers)
    project.shell(f"from upkeep.tasks import {task}; {task}.delay()")
    with project.celery("worker", "--loglevel", "INFO", "--queues", "slow", *QUICK_START) as worker:
        assert worker.wait_for("retry: Retry in", PATIENCE), worker.output
        with Broker(port):
            assert worker.wait_for(done, PATIENCE), worker.output
