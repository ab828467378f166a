"""The reports of lesson 05 with a mail server that is slow, and with processes that are killed."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from mailserver import MailServer

from workshop import paths
from workshop.checkkit.process import Process
from workshop.checkkit.worker import QUICK_START
from workshop.runtime.broker import Broker
from workshop.system.waiting import until

PEOPLE = ("ana@example.com", "ben@example.com", "cem@example.com")
SUBSCRIBE = f"""
from upkeep.models import Subscriber
Subscriber.objects.bulk_create([Subscriber(email=email) for email in {PEOPLE}])
"""
SEND = """
from upkeep.tasks import report_task
report_task.delay("2026-03-01")
"""
OPEN = "SELECT count(*), count(sent_at) FROM upkeep_delivery"


class Project:
    """A copy of the finished project, with a mail server, a broker, and a worker that can be started."""

    def __init__(self, folder):
        self.folder, self.workers, self.variables = folder, [], {}

    def edit(self, file, *pairs):
        text = (self.folder / file).read_text()
        for old, new in pairs:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (self.folder / file).write_text(text)

    def serve(self, server):
        self.variables |= {
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": str(server.server_address[1]),
            "EMAIL_USE_TLS": "0",
        }
        return server

    def manage(self, *arguments):
        run = [sys.executable, "manage.py", *arguments]
        environment = os.environ | self.variables
        done = subprocess.run(
            run, cwd=self.folder, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def run(self, code):
        return self.manage("shell", "-v0", "-c", code)

    def worker(self, concurrency=1):
        worker = Process(self.folder)
        command = [sys.executable, "-m", "celery", "-A", "myproject", "worker", "-l", "INFO", *QUICK_START]
        queues = ["-Q", "celery,slow,upkeep", "--concurrency", str(concurrency)]
        worker.launch([*command, *queues], os.environ | self.variables)
        self.workers.append(worker)
        return worker

    def all_sent(self, worker):
        """Wait until no row is open any more."""

        def sent():
            with closing(sqlite3.connect(Path(os.environ["DATA_DIR"], "db.sqlite3"))) as database:
                rows, done = database.execute(OPEN).fetchone()
                return rows == done > 0

        assert until(sent, 90), worker.log


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The finished project; it retries after one second instead of a minute."""
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    for name in ("DJANGO_SETTINGS_MODULE", "EMAIL_HOST", "DEBUG"):
        monkeypatch.delenv(name, raising=False)
    ignored = shutil.ignore_patterns("data", "__pycache__")
    project = Project(shutil.copytree(paths.SOLUTIONS / "05-beat", tmp_path / "05-beat", ignore=ignored))
    project.edit("upkeep/tasks.py", ("countdown=60 *", "countdown=1 *"))
    with Broker(prefer=None) as broker:
        monkeypatch.setenv("REDIS_URL", broker.url)
        project.manage("migrate", "-v0")
        yield project
        for worker in project.workers:
            worker.stop()


def test_what_a_slow_mail_server_does_not_take_in_time_is_sent_later(project, tmp_path):
    project.edit("upkeep/tasks.py", ("SECONDS = 240", "SECONDS = 1"))
    project.run(SUBSCRIBE)
    project.manage("mail", "slow", "2")
    worker = project.worker()
    project.run(SEND)
    assert until(lambda: "The mail server is slow: 2 reports will be sent later." in worker.log, 60), (
        worker.log
    )
    project.manage("mail", "ok")
    project.all_sent(worker)
    assert len(list((tmp_path / "data/mail").glob("*.eml"))) == 3, "one for each"


@pytest.mark.parametrize(
    ("server", "edits"),
    [
        # EMAIL_TIMEOUT is for the connection. The server may take ten minutes for the email itself.
        ({"accept": 3}, {"myproject/settings.py": ("EMAIL_TIMEOUT = 60", "EMAIL_TIMEOUT = 1")}),
        # The time of the task is over while an email is being accepted.
        ({"accept": 2}, {"upkeep/tasks.py": ("SECONDS = 240", "SECONDS = 1")}),
        # The email is accepted, and then the server does not say goodbye.
        ({"goodbye": 3600}, {"upkeep/mail.py": ("quit_seconds = 5", "quit_seconds = 0.2")}),
    ],
    ids=["accepts late", "accepts while the time is over", "no goodbye"],
)
def test_a_slow_mail_server_gets_one_copy_of_each_report(project, server, edits):
    for file, pair in edits.items():
        project.edit(file, pair)
    with project.serve(MailServer(**server)) as server:
        project.run(SUBSCRIBE)
        worker = project.worker()
        project.run(SEND)
        project.all_sent(worker)
        assert server.accepted == Counter(PEOPLE), worker.log
        server.shutdown()


def test_one_copy_although_the_email_takes_longer_than_its_lock(project):
    """Two tasks have the same recipients. The lock of an email lasts a second, and the server takes three."""
    project.edit("upkeep/tasks.py", ("seconds=60", "seconds=1"))
    with project.serve(MailServer(accept=3)) as server:
        project.run(SUBSCRIBE)
        worker = project.worker(concurrency=2)
        project.run(SEND + SEND)
        project.all_sent(worker)
        assert server.accepted == Counter(PEOPLE), worker.log
        server.shutdown()


def test_the_report_task_is_killed_while_it_sends_the_chunks(project, tmp_path):
    once = f"""
        if start and not Path({str(tmp_path)!r}, "killed").exists():
            Path({str(tmp_path)!r}, "killed").touch()
            os.kill(os.getpid(), 9)
"""
    project.edit(
        "upkeep/tasks.py",
        ("import time\n", "import os\nimport time\nfrom pathlib import Path\n"),
        ("CHUNK = 20", "CHUNK = 1"),
        ("len(open_ids), CHUNK):\n", "len(open_ids), CHUNK):" + once),
    )
    with project.serve(MailServer()) as server:
        project.run(SUBSCRIBE)
        worker = project.worker()
        project.run(SEND)
        project.all_sent(worker)
        assert (tmp_path / "killed").exists()
        assert server.accepted == Counter(PEOPLE), worker.log
        server.shutdown()


LOST = {
    "the broker is flushed": """
from celery import current_app
report_task("2026-03-01")
with current_app.connection_for_write() as connection:
    connection.default_channel.client.flushall()
""",
    "a retry cannot be published": """
from celery import current_app
from celery.exceptions import Reject
from upkeep.models import Delivery
from upkeep.tasks import mail_task
current_app.conf.broker_url = "redis://127.0.0.1:1/0"
rows = [Delivery.objects.create(day="2026-03-01", email=each).pk for each in PEOPLE]
mail_task.push_request(args=[rows], called_directly=False, retries=0, delivery_info={})
try:
    mail_task.run(rows)
except Reject:
    print("rejected")
""",
}


@pytest.mark.parametrize("how", LOST)
def test_what_was_lost_is_sent_when_the_report_task_comes_again(project, how):
    project.run(SUBSCRIBE)
    project.manage("mail", "down")
    said = project.run(f"PEOPLE = {PEOPLE}\nfrom upkeep.tasks import report_task\n" + LOST[how])
    assert "rejected" in said or "flushed" in how
    project.manage("mail", "ok")
    with project.serve(MailServer()) as server:
        worker = project.worker()
        project.run(SEND)
        project.all_sent(worker)
        assert server.accepted == Counter(PEOPLE), worker.log
        server.shutdown()


def test_an_impossible_address_does_not_stop_the_other_emails(project):
    project.edit("upkeep/tasks.py", ("max_retries=5", "max_retries=0"))
    with project.serve(MailServer()) as server:
        bad = 'Subscriber.objects.create(email="a\\n@example.com")\n'
        project.run("from upkeep.models import Subscriber\n" + bad + SUBSCRIBE)
        worker = project.worker()
        project.run(SEND)
        assert until(lambda: "MaxRetriesExceededError" in worker.log, 60), worker.log
        assert server.accepted == Counter(PEOPLE), worker.log
        server.shutdown()


def test_nobody_can_delete_a_delivery_in_the_admin(project):
    found = project.run("""
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import RequestFactory
from upkeep.models import Delivery
request = RequestFactory().get("/")
request.user = User(is_superuser=True, is_active=True)
model_admin = admin.site._registry[Delivery]
print(model_admin.has_delete_permission(request), "delete_selected" in model_admin.get_actions(request))
""")
    assert found == "False False"


@pytest.mark.parametrize(
    ("environment", "warns"),
    [
        ({"DEBUG": "0"}, True),
        ({"DEBUG": "0", "EMAIL_HOST": "mail.example.com"}, False),
        ({"DEBUG": "1"}, False),
    ],
)
def test_a_server_without_a_mail_server_is_warned(project, environment, warns):
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy"],
        cwd=project.folder,
        env=os.environ | {"SECRET_KEY": "secret"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("(upkeep.W001) EMAIL_HOST is not set" in done.stderr) == warns, done.stderr
