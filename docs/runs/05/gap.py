"""Kill a process after it has sent an email and before it records that in the row.

python manage.py shell -v 0 < gap.py
"""

import os
import signal
import sqlite3
import sys
import time
from datetime import date

sys.path.append("../../docs/runs")

import services
from django.conf import settings
from django.db import connection
from upkeep.models import Delivery
from upkeep.tasks import deliver

services.require_broker()
delivery, _ = Delivery.objects.update_or_create(
    day=date(2026, 3, 1), email="gap@example.com", defaults={"sent_at": None}
)


def mails():
    return sorted((settings.DATA_DIR / "mail").glob("*gap@example.com*.eml"))


before = set(mails())
connection.close()
# A long write blocks the database. The process can send the email, but can't update the row.
busy = sqlite3.connect(settings.DATABASES["default"]["NAME"], isolation_level=None)
busy.execute("BEGIN IMMEDIATE")
child = os.fork()
if child == 0:
    deliver(Delivery.objects.get(pk=delivery.pk))
    os._exit(0)
while set(mails()) == before:
    time.sleep(0.01)
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
busy.execute("ROLLBACK")

delivery.refresh_from_db()
print(f"killed:  {len(set(mails()) - before)} email sent, sent_at {delivery.sent_at}")
deliver(delivery)
delivery.refresh_from_db()
print(f"again:   {len(set(mails()) - before)} emails sent, sent_at {delivery.sent_at:%H:%M:%S}")
for mail in mails():
    if mail not in before:
        print(
            "        ", next(line for line in mail.read_text().splitlines() if line.startswith("Message-ID"))
        )
