import contextlib
import os
import signal
import time
from collections import Counter
from datetime import date

import pytest
from celery.schedules import crontab
from celery.utils.time import rate
from django.utils import timezone

from workshop.checkkit import complain, expect, task_name, until
from workshop.system.ports import free_port

pytestmark = [pytest.mark.step("5.6"), pytest.mark.long]

FILE = "upkeep/tasks.py"
DAY, EARLIER = "2026-03-02", "2026-03-01"
REPORT, MAIL = "upkeep.tasks.report_task", "upkeep.tasks.mail_task"
LOCK_SECONDS = 75
"""Long enough for an email's lock, which expires after a minute, to be gone."""
PEOPLE = [f"reader-{number:02}@example.com" for number in range(45)]


@pytest.fixture
def people():
    """Subscribe 45 people to the report."""
    from upkeep.models import Subscriber

    Subscriber.objects.bulk_create([Subscriber(email=email) for email in PEOPLE])


@pytest.fixture
def unlimited(app, worker):
    """Lift the worker's rate limit for emails so that the checks don't take minutes."""
    if app.tasks[task_name(MAIL)].rate_limit:
        app.control.rate_limit(task_name(MAIL), "0", reply=True, limit=1, timeout=5)


@pytest.fixture
def quiet(app, worker_queue):
    """quiet() waits until every unsent email belongs to a retry that is not due yet, and returns these retries."""

    def active():
        replies = app.control.broadcast("active", reply=True, limit=1, timeout=5) or [{}]
        return [each for reply in replies for found in reply.values() for each in found]

    def wait():
        def over():
            # In the order in which a task goes on: what goes on meanwhile is seen at its next place. A worker
            # that has answered twice has noted among the unacknowledged whatever it had taken before.
            waiting = [each for messages in worker_queue.everything().values() for each in messages]
            busy = active() + active()
            held = worker_queue.unacked()
            return not (busy + active() + [each for each in waiting + held if not each.headers["eta"]])

        until(over, 30)
        return [each for each in worker_queue.unacked() if each.task == task_name(MAIL)]

    return wait


def got(mails):
    """Return how many emails each person got."""
    return Counter(recipient for recipients, _ in mails() for recipient in recipients)


def expect_each_once(mails, what, why, people=PEOPLE):
    sent = mails()
    found = Counter(recipient for recipients, _ in sent for recipient in recipients)
    skipped = [each for each in people if not found[each]]
    twice = [f"{each}: {times}" for each, times in found.items() if times > 1]
    shared = next((recipients for recipients, _ in sent if len(recipients) > 1), None)
    expect(
        not shared,
        "one email has many recipients, so each of them sees all addresses.",
        "Send a separate email to each recipient.",
        found=", ".join(shared[:3]) + " …" if shared else "",
        file=FILE,
    )
    facts = {"expected": f"{len(people)} people get one email each", "file": FILE}
    expect(
        not twice,
        f"{what}, and {len(twice)} of {len(people)} people got the report more than once.",
        why,
        found=", ".join(twice[:4]),
        **facts,
    )
    expect(
        not skipped,
        f"{what}, and {len(skipped)} of {len(people)} people got no report.",
        why,
        found=f"no email to {', '.join(skipped[:3])} …",
        **facts,
    )


def test_chunks(people, queue):
    """report_task creates a row for each recipient, and sends a mail_task for every CHUNK rows."""
    from upkeep import tasks
    from upkeep.models import Delivery

    tasks.report_task(DAY)
    rows = Delivery.objects.filter(day=date.fromisoformat(DAY))
    expect(
        {row.email for row in rows} == set(PEOPLE),
        "report_task has run, but some recipients have no Delivery row.",
        "After a crash, only the rows tell you who already has the report. Create the missing rows in report_task().",
        expected=f"{len(PEOPLE)} Delivery rows for {DAY}",
        found=f"{len(rows)} rows",
        file=f"{FILE}, report_task()",
    )
    messages = [message for waiting in queue.everything().values() for message in waiting]
    other = [message for message in messages if message.task != task_name(MAIL)]
    expect(
        not other,
        "report_task sent tasks other than mail_task.",
        "mail_task.chunks() sends celery.starmap, which has none of mail_task's options, such as the rate limit "
        "and acks_late. Send mail_task with a list of ids."
        if other and other[0].task == "celery.starmap"
        else "",
        found="\n".join(sorted({message.task for message in other})),
        file=f"{FILE}, report_task()",
    )
    lists = [(message.args or [*message.kwargs.values(), []])[0] for message in messages]
    ids = [each for found in lists if isinstance(found, list) for each in found]
    expect(
        Counter(ids) == Counter(row.pk for row in rows),
        "the messages in the queue do not contain each delivery exactly once.",
        "bulk_create(…, ignore_conflicts=True) returns objects without ids. Read the ids of the unsent rows from the "
        "database."
        if None in ids
        else "mail_task takes a list of Delivery ids. Pass each id to only one task.",
        expected=f"lists with the ids of {len(rows)} deliveries",
        found="\n".join(map(str, messages)) or "no message",
        file=f"{FILE}, report_task()",
    )
    longest = max(map(len, lists))
    expect(
        longest <= tasks.CHUNK,
        f"one task sends {longest} emails, which is too many.",
        "A long task keeps a process busy for longer, and has more to repeat if its process dies. Pass "
        "at most CHUNK ids to each task.",
        expected=f"at most {tasks.CHUNK} emails (CHUNK)",
        found=f"lists of {', '.join(str(len(each)) for each in lists)}",
        file=f"{FILE}, report_task()",
    )
    expect(
        len(messages) < len(rows) / 3,
        "each task sends only one or two emails. Pass CHUNK ids to each task.",
        found=f"{len(messages)} messages for {len(rows)} emails",
        file=f"{FILE}, report_task()",
    )


def test_left_over(people, queue):
    """A second report_task sends the emails that the first one left unsent, but no emails from another day."""
    from upkeep import tasks
    from upkeep.models import Delivery

    moment = timezone.now()
    Delivery.objects.bulk_create(
        [
            Delivery(day=DAY, email=email, sent_at=moment if number % 2 else None)
            for number, email in enumerate(PEOPLE)
        ]
    )
    other_day = Delivery.objects.bulk_create([Delivery(day=EARLIER, email=email) for email in PEOPLE[:3]])
    tasks.report_task(DAY)
    messages = [message for waiting in queue.everything().values() for message in waiting]
    ids = {
        each
        for message in messages
        if message.task == task_name(MAIL)
        for found in (message.args or [*message.kwargs.values()])[:1]
        for each in found
    }
    rows = Delivery.objects.filter(day=DAY)
    left = {row.pk for row in rows if row.sent_at is None}
    facts = {
        "expected": f"the ids of {len(left)} deliveries",
        "found": f"{len(ids & left)} of them",
        "file": f"{FILE}, report_task()",
    }
    expect(
        not ids & {row.pk for row in other_day},
        "report_task for one day also sent another day's unsent emails.",
        "If someone sends the report for one day again by hand, nobody expects a report for another day. Filter the "
        "rows by day and by sent_at.",
        expected=f"only ids of deliveries for {DAY}",
        found=f"{len(ids & {row.pk for row in other_day})} ids of deliveries for {EARLIER}",
        file=f"{FILE}, report_task()",
    )
    again = {row.pk for row in rows if row.sent_at} & ids
    expect(
        not again,
        "report_task also sent tasks for emails that were already sent.",
        "mail_task skips these emails, but each hourly report_task would fill the queue with tasks that do nothing. "
        "Filter the rows by sent_at=None too.",
        expected=f"only the ids of {len(left)} unsent deliveries",
        found=f"{len(again)} ids of deliveries that have a sent_at",
        file=f"{FILE}, report_task()",
    )
    expect(
        ids >= left,
        "some emails were still unsent, but running report_task again did not send them.",
        "Send mail_task for all rows of the day that have no sent_at, including rows from an earlier run.",
        **facts,
    )


def test_once_more(app, expires_after):
    """The schedule sends report_task again every hour from 7:00 to 11:00, in case a message was lost."""
    app.loader.import_default_modules()
    crontabs = {
        name: entry["schedule"]
        for name, entry in (app.conf.beat_schedule or {}).items()
        if entry.get("task") == task_name(REPORT) and isinstance(entry.get("schedule"), crontab)
    }
    times = sorted(
        {(hour, minute) for when in crontabs.values() for hour in when.hour for minute in when.minute}
    )
    later = [f"{hour}:{minute:02}" for hour, minute in times if (hour, minute) > (6, 0)]
    facts = {
        "expected": 'a second entry, crontab(hour="7-11", minute=0)',
        "entries": "\n".join(f"{name}: {when!r}" for name, when in crontabs.items()) or "none",
        "file": "myproject/settings.py, CELERY_BEAT_SCHEDULE",
    }
    expect(
        later,
        "no schedule entry sends report_task after six o'clock.",
        "If the broker loses a mail_task message, no task is left for the unsent rows. Add the `late "
        "reports` entry.",
        **facts,
    )
    expect(
        later == [f"{hour}:00" for hour in range(7, 12)],
        "the schedule does not send report_task every hour from 7:00 to 11:00.",
        "If you leave out a field of a crontab, it means *. Without minute=0, the task is sent sixty times "
        "an hour."
        if len(later) >= 60
        else "With fewer runs, some emails stay unsent if the mail server is down for a long time. With more runs, "
        "you only get more messages for the same emails.",
        found=", ".join(later[:12]) + (" …" if later[12:] else ""),
        **facts,
    )
    for name in crontabs:
        entry = app.conf.beat_schedule[name]
        if min(entry["schedule"].hour) > 6:
            expires_after(
                name,
                entry,
                3000,
                "3000",
                "The next report_task, an hour later, sends the same emails, so this message should expire "
                "before then. If expires is much shorter, a worker that is busy skips the run.",
            )


def test_rate(app):
    """A worker starts about thirty mail_tasks per minute."""
    text = app.tasks[task_name(MAIL)].rate_limit or app.conf.task_default_rate_limit
    try:
        a_minute = rate(text) * 60
    except (KeyError, ValueError, TypeError, AttributeError):
        complain(
            "mail_task has an invalid rate limit, so a worker would not start.",
            "Write a number, followed by /s, /m or /h.",
            expected='rate_limit="30/m"',
            found=f"rate_limit={text!r}",
            file=f"{FILE}, mail_task()",
        )
    facts = {"expected": 'rate_limit="30/m"', "file": f"{FILE}, mail_task()"}
    expect(
        a_minute,
        "mail_task has no rate limit.",
        "A mail server treats a client that sends a thousand emails at once as a spammer. Set the "
        "rate_limit option. Sleeping in the task would tie up a worker process instead.",
        found="no limit",
        **facts,
    )
    expect(
        5 <= a_minute <= 60,
        f"mail_task's rate limit is too {'high' if a_minute > 60 else 'low'}.",
        "Set it to about 30 tasks per minute. A rate limit counts tasks, and each of these tasks sends CHUNK emails.",
        found=f"{a_minute:g} per minute",
        **facts,
    )


def sets_without_saving(delivery):
    """Return True if deliver() sets the delivery's sent_at only in memory, without saving it."""
    from upkeep import tasks

    with contextlib.suppress(Exception):
        tasks.deliver(delivery)
    return delivery.sent_at is not None and not type(delivery).objects.get(pk=delivery.pk).sent_at


def test_each_once(people, unlimited, mails, expect_success, quiet, worker):
    """If report_task runs a second time, only new recipients get an email."""
    from upkeep.models import Delivery, Subscriber
    from upkeep.tasks import report_task

    expect_success(report_task.delay(DAY), FILE)
    quiet()
    marked = Delivery.objects.filter(day=DAY).exclude(sent_at=None).count()
    expect_each_once(
        mails,
        "the report was sent",
        "Rows have a sent_at, although their emails were not sent. In deliver(), change only the row of this delivery: "
        "filter by pk."
        if marked > mails.count()
        else "",
    )
    open_rows = Delivery.objects.filter(day=DAY, sent_at=None)
    expect(
        not open_rows,
        "the emails were sent, but their rows have no sent_at.",
        'deliver() sets sent_at but does not save it. Call delivery.save(update_fields=["sent_at"]).'
        if open_rows and sets_without_saving(open_rows[0])
        else "Set sent_at in deliver() after sending the email. A second run sends an email for every row without "
        "sent_at.",
        found=f"{len(open_rows)} rows without sent_at",
        file=f"{FILE}, deliver()",
    )
    Subscriber.objects.create(email="new@example.com")
    expect_success(report_task.delay(DAY), f"{FILE}, report_task()")
    quiet()
    expect_each_once(
        mails,
        "report_task ran a second time",
        "A task may run again after a crash, or because someone sends it by hand. Create only missing rows "
        "(ignore_conflicts=True), and send emails only for rows without sent_at.",
        [*PEOPLE, "new@example.com"],
    )


def test_killed(app, people, unlimited, mails, expect_success, quiet, worker, worker_queue):
    """Even if a process is killed between two emails, each recipient gets exactly one email."""
    from upkeep.models import Delivery
    from upkeep.tasks import mail_task, report_task

    mails.mode("slow 0.05")
    expect_success(report_task.delay(DAY), FILE)
    until(lambda: mails.count() >= 6)
    mails.mode("slow 60")  # each process hangs in its next email now

    def settled():
        before = mails.count()
        # Not in the moment between an email and its mark, when it is unknown whether it was sent.
        marked = Delivery.objects.filter(day=DAY).exclude(sent_at=None).count()
        return marked >= before and not until(lambda: mails.count() > before, 0.5)

    until(settled)
    replies = app.control.broadcast("active", reply=True, limit=1, timeout=5) or [{}]
    busy = [
        each
        for reply in replies
        for found in reply.values()
        for each in found
        if each["name"] == task_name(MAIL)
    ]
    sent = mails.count()
    if not busy or sent == len(PEOPLE):
        complain(
            "the check found no running mail_task that it could kill between two emails.",
            found=f"{sent} of {len(PEOPLE)} emails were already sent",
            file=FILE,
        )
    mails.mode("ok")
    for task in busy:
        os.kill(task["worker_pid"], signal.SIGKILL)
    what = f"a process was killed with -9 after {sent} of {len(PEOPLE)} emails were sent"
    # The emails that the killed processes were sending are locked, and their retries come later. The check lets the
    # locks in Redis expire, and runs the retries now. A lock in another place, such as the database, needs its time.
    deadline, handled = time.monotonic() + LOCK_SECONDS, set()
    while later := [message for message in quiet() if message.headers["id"] not in handled]:
        if handled and (time.monotonic() > deadline or until(lambda: len(got(mails)) == len(PEOPLE), 5)):
            break
        worker_queue.delete_expiring_keys()
        for message in later:
            mail_task.apply_async(message.args, message.kwargs)
        handled |= {message.headers["id"] for message in later}
        app.control.revoke(list(handled), reply=True, limit=1, timeout=5)
    task = app.tasks[task_name(MAIL)]
    found = got(mails)
    skipped = sum(not found[each] for each in PEOPLE)
    options = {"acks_late": task.acks_late, "reject_on_worker_lost": task.reject_on_worker_lost}
    missing = " and ".join(name for name, value in options.items() if not value)
    if skipped:
        marked = Delivery.objects.filter(day=DAY, email__in=PEOPLE).exclude(sent_at=None).count()
        if marked > len(PEOPLE) - skipped:
            why = (
                "You set sent_at before sending the email, and the process died in between. So these rows have a sent_at "
                "even though no email was sent. Set sent_at after sending the email."
            )
        elif missing:
            why = (
                "The task did not run again. With acks_late, the message stays unacknowledged until the task has "
                f"finished. With reject_on_worker_lost, the message is redelivered if the process dies. Set {missing} for "
                "mail_task."
            )
        else:
            why = "mail_task has acks_late and reject_on_worker_lost, but its second run skipped rows without sent_at."
    else:
        why = (
            "The task ran again, as it should, but sent some emails a second time. Set sent_at right after sending "
            "each email, and skip rows that already have a sent_at."
        )
    expect_each_once(mails, what, why)


def test_message_id():
    """If a report is sent twice, both emails have the same Message-ID, so that mail programs can recognize them."""
    from upkeep import reporting

    day = date.fromisoformat(DAY)
    ids = [
        reporting.message(day, email).extra_headers.get("Message-ID")
        for email in (PEOPLE[0], PEOPLE[0], PEOPLE[1])
    ]
    expect(
        ids[0] and ids[0] == ids[1] != ids[2],
        "a report's Message-ID depends on something other than the day and the recipient.",
        found="\n".join(map(str, ids)),
        file="upkeep/reporting.py, message()",
    )


def test_mail_server_down(app, settings, mailoutbox):
    """An email that the mail server did not accept has no sent_at, so that it is sent later."""
    from upkeep import tasks
    from upkeep.models import Delivery

    refused, accepted, earlier = (
        Delivery.objects.create(day=day, email=email)
        for day, email in ((DAY, PEOPLE[0]), (DAY, PEOPLE[1]), (EARLIER, PEOPLE[1]))
    )
    usual, facts = settings.EMAIL_BACKEND, {"file": f"{FILE}, deliver()"}
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "localhost", free_port(), False
    with contextlib.suppress(OSError):
        tasks.send_report(refused.pk)
    refused.refresh_from_db()
    expect(
        refused.sent_at is None,
        "the mail server did not respond, so no email was sent, but its row has a sent_at.",
        "This report would never be sent. Set sent_at only if send() raised no exception. Don't catch the exception in "
        "deliver(), and don't pass fail_silently: send_report() catches it, and mail_task is retried.",
        **facts,
    )
    settings.EMAIL_BACKEND = usual
    tasks.send_report(accepted.pk)
    accepted.refresh_from_db(), earlier.refresh_from_db()
    expect(
        [message.to for message in mailoutbox] == [[accepted.email]] and accepted.sent_at,
        "the mail server responds again, but an email was not sent, or its row has no sent_at.",
        found=f"{len(mailoutbox)} emails, sent_at={accepted.sent_at}",
        **facts,
    )
    expect(
        earlier.sent_at is None,
        "the report of one day was sent, but the row of an earlier day, whose email was not sent, has a sent_at too.",
        "A recipient has one row for each day. Change only the row of this delivery: filter by pk.",
        **facts,
    )
