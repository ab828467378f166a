"""The reports of lesson 05 with a slow mail server, and with processes that are killed."""

import shutil
import sqlite3
from collections import Counter
from contextlib import ExitStack, closing

import pytest
from files import edit
from mailserver import MailServer
from projects import PATIENCE, Project, copy_of

from workshop import paths
from workshop.checkkit.worker import QUICK_START
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


class Reports(Project):
    """A copy of the finished project, with a broker, and workers that can be started."""

    def edit(self, file, *pairs):
        edit(self.folder / file, *pairs)

    def serve(self, **options):
        """Return a mail server, to which the project sends its emails from now on."""
        server = MailServer(**options)
        self.environment |= server.variables
        return server

    def worker(self, concurrency=1):
        options = ["-l", "INFO", "-Q", "celery,slow,upkeep", "--concurrency", str(concurrency), *QUICK_START]
        return self.workers.enter_context(self.celery("worker", *options))

    def all_sent(self, worker):
        """Wait until all reports are sent."""

        def sent():
            with closing(sqlite3.connect(self.data / "db.sqlite3")) as database:
                rows, done = database.execute(OPEN).fetchone()
                return rows == done > 0

        assert until(sent, PATIENCE), worker.output


@pytest.fixture
def project(tmp_path, migrated, broker):
    """The finished project, which retries after one second instead of a minute."""
    folder = copy_of(paths.SOLUTIONS / "05-beat", tmp_path / "05-beat")
    data = shutil.copytree(migrated("05-beat"), tmp_path / "data")
    project = Reports(folder, data, REDIS_URL=broker.url)
    project.edit("upkeep/tasks.py", ("countdown=60 *", "countdown=1 *"))
    with ExitStack() as project.workers:
        yield project


def test_what_a_slow_mail_server_does_not_take_in_time_is_sent_later(project, tmp_path):
    project.edit("upkeep/tasks.py", ("SECONDS = 240", "SECONDS = 1"))
    project.shell(SUBSCRIBE)
    project.manage("mail", "slow", "2")
    worker = project.worker()
    project.shell(SEND)
    slow = "The mail server is slow: 2 reports will be sent later."
    assert worker.wait_for(slow, PATIENCE), worker.output
    project.manage("mail", "ok")
    project.all_sent(worker)
    assert len(list((tmp_path / "data/mail").glob("*.eml"))) == 3, "one for each"


@pytest.mark.parametrize(
    ("delays", "edits"),
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
def test_a_slow_mail_server_gets_one_copy_of_each_report(project, delays, edits):
    for file, pair in edits.items():
        project.edit(file, pair)
    with project.serve(**delays) as server:
        project.shell(SUBSCRIBE)
        worker = project.worker()
        project.shell(SEND)
        project.all_sent(worker)
        assert server.accepted == Counter(PEOPLE), worker.output


def test_one_copy_although_the_email_takes_longer_than_its_lock(project):
    """Two tasks have the same recipients. The lock of an email lasts a second, and the server takes three."""
    project.edit("upkeep/tasks.py", ("seconds=60", "seconds=1"))
    with project.serve(accept=3) as server:
        project.shell(SUBSCRIBE)
        worker = project.worker(concurrency=2)
        project.shell(SEND + SEND)
        project.all_sent(worker)
        assert server.accepted == Counter(PEOPLE), worker.output


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
    with project.serve() as server:
        project.shell(SUBSCRIBE)
        worker = project.worker()
        project.shell(SEND)
        project.all_sent(worker)
        assert (tmp_path / "killed").exists()
        assert server.accepted == Counter(PEOPLE), worker.output


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
    project.shell(SUBSCRIBE)
    project.manage("mail", "down")
    said = project.shell(f"PEOPLE = {PEOPLE}\nfrom upkeep.tasks import report_task\n" + LOST[how])
    assert "rejected" in said or "flushed" in how
    project.manage("mail", "ok")
    with project.serve() as server:
        worker = project.worker()
        project.shell(SEND)
        project.all_sent(worker)
        assert server.accepted == Counter(PEOPLE), worker.output


def test_an_impossible_address_does_not_stop_the_other_emails(project):
    project.edit("upkeep/tasks.py", ("max_retries=5", "max_retries=0"))
    with project.serve() as server:
        bad = 'Subscriber.objects.create(email="a\\n@example.com")\n'
        project.shell("from upkeep.models import Subscriber\n" + bad + SUBSCRIBE)
        worker = project.worker()
        project.shell(SEND)
        assert worker.wait_for("MaxRetriesExceededError", PATIENCE), worker.output
        assert server.accepted == Counter(PEOPLE), worker.output


@pytest.mark.parametrize("domain", ["b" * 60, "𠜎" * 30])
def test_an_address_may_be_longer_than_a_file_name(project, domain):
    """Without a mail server, each email becomes a file. Its name contains the address."""
    code = f"""
from datetime import date
from django.core.mail import get_connection
from upkeep import reporting
email = reporting.message(date(2026, 3, 1), "a" * 64 + "@" + ".".join([{domain!r}] * 3) + ".com")
email.connection = get_connection("upkeep.mail.FileMail")
email.send()
"""
    project.shell(code)
    assert len(list((project.data / "mail").glob("*.eml"))) == 1


def test_nobody_can_delete_a_delivery_in_the_admin(project):
    found = project.shell("""
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
    done = project.python("manage.py", "check", "--deploy", SECRET_KEY="secret", **environment)
    assert ("(upkeep.W001) EMAIL_HOST is not set" in done.stderr) == warns, done.stderr
