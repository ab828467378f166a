"""The reports of lesson 05 with a mail server that is too slow for the task's time limit."""

import os
import shutil
import subprocess
import sys

import pytest

from workshop import paths
from workshop.broker import Broker
from workshop.checkkit import until
from workshop.checkkit.worker import QUICK_START, Process

SENT = """
from datetime import date
from upkeep.models import Delivery
from upkeep.tasks import mail_task

people = "ana@example.com", "ben@example.com", "cem@example.com"
rows = [Delivery.objects.create(day=date(2026, 3, 1), email=email).pk for email in people]
mail_task.delay(rows)
"""


@pytest.fixture
def impatient(tmp_path, monkeypatch):
    """A project that gives a mail task two seconds, and tries again after one."""
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    ignored = shutil.ignore_patterns("data", "__pycache__")
    folder = shutil.copytree(paths.SOLUTIONS / "05-beat", tmp_path / "05-beat", ignore=ignored)
    tasks = folder / "upkeep/tasks.py"
    text = tasks.read_text()
    for old, new in {"soft_time_limit=240": "soft_time_limit=2", "countdown=60 *": "countdown=1 *"}.items():
        assert old in text
        text = text.replace(old, new)
    tasks.write_text(text)
    with Broker(prefer=None) as broker:
        monkeypatch.setenv("REDIS_URL", broker.url)
        yield folder


def test_reports_that_a_slow_mail_server_did_not_take_in_time_are_sent_later(impatient, tmp_path):
    def manage(*arguments):
        subprocess.run([sys.executable, "manage.py", *arguments], cwd=impatient, check=True)

    manage("migrate", "-v0")
    manage("mail", "slow", "600")
    worker = Process(impatient)
    try:
        command = [sys.executable, "-m", "celery", "-A", "myproject", "worker", "-l", "INFO", *QUICK_START]
        worker.launch([*command, "-Q", "celery,slow", "--concurrency", "1"], dict(os.environ))
        manage("shell", "-v0", "-c", SENT)
        assert until(lambda: "The mail server is slow: 3 reports are sent later." in worker.log, 60), (
            worker.log
        )
        manage("mail", "ok")
        folder = tmp_path / "data/mail"
        assert until(lambda: len(list(folder.glob("*.eml"))) == 3, 60), worker.log
        assert until(lambda: "] succeeded in" in worker.log, 30), worker.log
        assert len(list(folder.glob("*.eml"))) == 3, "one for each"
    finally:
        worker.stop()
