"""Send the report to forty people, kill a process in the middle, and count the emails that each person gets.

The script takes up to three minutes, and first deletes all recipients and emails.
Start a broker, but no worker, then run: python manage.py shell -v 0 < crash.py
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path

sys.path.append("../../docs/runs")

import services
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone
from upkeep.models import Delivery, Subscriber
from upkeep.tasks import report_task

services.require_broker()

FOLDER = settings.DATA_DIR / "mail"
QUIET = ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]


def received():
    """Count the emails for each recipient."""
    mails = (message_from_bytes(file.read_bytes()) for file in FOLDER.glob("*.eml"))
    return Counter(mail["To"] for mail in mails)


def group(each):
    emails, people = each
    return f"{people} people with {emails} email{'s' if emails != 1 else ''}"


def tell(what):
    counts = Counter(received().get(each, 0) for each in addresses)
    print(f"{what:<31} " + ", ".join(map(group, sorted(counts.items()))))


def wait_for(mails, seconds=300):
    end = time.monotonic() + seconds
    while sum(received().values()) < mails and time.monotonic() < end:
        time.sleep(0.05)


addresses = [f"reader-{number:02}@example.com" for number in range(40)]
Subscriber.objects.all().delete()
Delivery.objects.all().delete()
Subscriber.objects.bulk_create([Subscriber(email=each) for each in addresses])
for file in FOLDER.glob("*.eml"):
    file.unlink()
day = str(timezone.now().date() - timedelta(days=1))

with Path("crash.log").open("w") as log:
    command = [sys.executable, "-m", "celery", "-A", "myproject", "worker", "-c", "1", *QUIET]
    worker = subprocess.Popen(command, stdout=log, stderr=log)
try:
    try:
        call_command("mail", "slow", "0.3")
        report_task.delay(day)
        wait_for(15)
        children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)
        tell("The process is killed:")
    finally:
        call_command("mail", "ok")
    wait_for(40, seconds=int(os.environ.get("WATCH", 150)))
    tell("Two minutes later:")
    report_task.delay(day)
    time.sleep(15)
    tell("The same report sent once more:")
finally:
    worker.terminate()
    worker.wait()
