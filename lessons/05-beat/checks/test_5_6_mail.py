import os
import signal
from collections import Counter
from datetime import date

import pytest
from celery.schedules import crontab
from celery.utils.time import rate

from workshop.checkkit import complain, expect, until

pytestmark = [pytest.mark.step("5.6"), pytest.mark.long]

FILE = "upkeep/tasks.py"
DAY = "2026-03-02"
REPORT, MAIL = "upkeep.tasks.report_task", "upkeep.tasks.mail_task"
PEOPLE = [f"reader-{number:02}@example.com" for number in range(45)]


@pytest.fixture
def people():
    """45 people who get the report."""
    from upkeep.models import Subscriber

    Subscriber.objects.bulk_create([Subscriber(email=email) for email in PEOPLE])


@pytest.fixture
def unlimited(app, worker):
    """The worker's rate limit for mails is lifted: the checks do not wait minutes."""
    if app.tasks[MAIL].rate_limit:
        app.control.rate_limit(MAIL, "0", reply=True, limit=1, timeout=5)


@pytest.fixture
def quiet(app, delivered):
    """quiet() waits until no mail is on its way, but for what is to be tried again later; returns the latter."""

    def active():
        replies = app.control.broadcast("active", reply=True, limit=1, timeout=5) or [{}]
        return [each for reply in replies for found in reply.values() for each in found]

    def wait():
        def over():
            # In the order in which a task goes on: what goes on meanwhile is seen at its next place. A worker
            # that has answered twice has noted among the unacknowledged whatever it had taken before.
            waiting = [each for messages in delivered.everything().values() for each in messages]
            busy = active() + active()
            held = delivered.unacked()
            return not (busy + active() + [each for each in waiting + held if not each.headers["eta"]])

        until(over, 30)
        return [each for each in delivered.unacked() if each.task == MAIL]

    return wait


def got(mails):
    """How many mails each person got."""
    return Counter(recipient for recipients, _ in mails() for recipient in recipients)


def expect_each_once(mails, what, why, people=PEOPLE):
    sent = mails()
    found = Counter(recipient for recipients, _ in sent for recipient in recipients)
    skipped = [each for each in people if not found[each]]
    twice = [f"{each}: {times}" for each, times in found.items() if times > 1]
    shared = next((recipients for recipients, _ in sent if len(recipients) > 1), None)
    expect(
        not shared,
        "one mail goes to many people, and each reads who the others are.",
        "A mail for each, with one recipient.",
        found=", ".join(shared[:3]) + " …" if shared else "",
        file=FILE,
    )
    facts = {"expected": f"{len(people)} people, one mail each", "file": FILE}
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
        found=f"none for {', '.join(skipped[:3])} …",
        **facts,
    )


def test_chunks(people, queue):
    """The report task writes down who gets the report, and sends small tasks for CHUNK of them each."""
    from upkeep import tasks
    from upkeep.models import Delivery

    tasks.report_task(DAY)
    rows = Delivery.objects.filter(day=date.fromisoformat(DAY))
    expect(
        {row.email for row in rows} == set(PEOPLE),
        "after the report task there is no row for each person who is to get the report.",
        "Without a row nobody knows, after a crash, who has got theirs.",
        expected=f"{len(PEOPLE)} rows of Delivery for {DAY}",
        found=f"{len(rows)} rows",
        file=f"{FILE}, report_task()",
    )
    messages = [message for waiting in queue.everything().values() for message in waiting]
    other = [message for message in messages if message.task != MAIL]
    expect(
        not other,
        "the mails are sent by another task than mail_task.",
        "mail_task.chunks() sends celery.starmap, and that has none of mail_task's options: no rate limit, no "
        "acks_late."
        if other and other[0].task == "celery.starmap"
        else "",
        found="\n".join(sorted({message.task for message in other})),
        file=f"{FILE}, report_task()",
    )
    lists = [(message.args or [*message.kwargs.values(), []])[0] for message in messages]
    ids = [each for found in lists if isinstance(found, list) for each in found]
    expect(
        Counter(ids) == Counter(row.pk for row in rows),
        "the tasks on the queue are not for each of the deliveries once.",
        "mail_task takes a list of ids of deliveries.",
        expected=f"the ids of {len(rows)} deliveries, in lists",
        found="\n".join(map(str, messages)) or "no message",
        file=f"{FILE}, report_task()",
    )
    longest = max(map(len, lists))
    expect(
        longest <= tasks.CHUNK,
        f"one task is to send {longest} mails.",
        "The more a task has to do, the more is begun anew when its process dies, and the longer it keeps a process "
        "that others wait for.",
        expected=f"at most {tasks.CHUNK} (CHUNK)",
        found=f"lists of {', '.join(str(len(each)) for each in lists)}",
        file=f"{FILE}, report_task()",
    )
    expect(
        len(messages) < len(rows) / 3,
        "there is a task for each mail or two, not for CHUNK of them.",
        found=f"{len(messages)} messages for {len(rows)} mails",
        file=f"{FILE}, report_task()",
    )


def test_once_more(app):
    """The report task is sent again in the hours after six, for the mails whose message was lost."""
    app.loader.import_default_modules()
    crontabs = {
        name: entry["schedule"]
        for name, entry in (app.conf.beat_schedule or {}).items()
        if entry.get("task") == REPORT and isinstance(entry.get("schedule"), crontab)
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
        "nothing sends the report task again after six o'clock.",
        "If the broker loses a message of mail_task, its recipients have rows without sent_at, and no task left.",
        **facts,
    )
    expect(
        len(later) <= 12,
        f"the report task is sent {len(later)} times more.",
        "What a crontab does not name is *: without minute=0 it comes sixty times an hour."
        if len(later) >= 60
        else "If the mail server is down, each of them adds another message for every mail.",
        found=", ".join(later[:5]) + " …",
        **facts,
    )


def test_rate(app):
    """A worker starts some thirty of the mail tasks a minute."""
    text = app.tasks[MAIL].rate_limit or app.conf.task_default_rate_limit
    try:
        a_minute = rate(text) * 60
    except (KeyError, ValueError, TypeError, AttributeError):
        complain(
            "the rate limit cannot be read: a worker does not start with it.",
            "It is a number with /s, /m or /h behind it.",
            expected='rate_limit="30/m"',
            found=f"rate_limit={text!r}",
            file=f"{FILE}, mail_task()",
        )
    facts = {"expected": 'rate_limit="30/m"', "file": f"{FILE}, mail_task()"}
    expect(
        a_minute,
        "mail_task has no rate limit.",
        "A mail server that gets a thousand mails at once takes the sender for a spammer. Celery's own option leaves "
        "the processes free meanwhile; a sleep in the task keeps one of them.",
        found="no limit",
        **facts,
    )
    expect(
        5 <= a_minute <= 60,
        "the rate limit of mail_task does not fit.",
        "It counts tasks, and each sends CHUNK mails.",
        found=f"{a_minute:g} a minute",
        **facts,
    )


def test_each_once(people, unlimited, mails, done, quiet, worker):
    """Everybody gets one mail, also when the report task comes a second time; who is new gets theirs."""
    from upkeep.models import Delivery, Subscriber
    from upkeep.tasks import report_task

    done(report_task.delay(DAY), FILE)
    quiet()
    expect_each_once(mails, "the report was sent", "")
    open_rows = Delivery.objects.filter(day=DAY, sent_at=None).count()
    expect(
        not open_rows,
        "the mails are sent, and the rows do not say so.",
        "sent_at is when the mail was sent. A second run sends to whoever has none.",
        found=f"{open_rows} rows without sent_at",
        file=f"{FILE}, deliver()",
    )
    Subscriber.objects.create(email="new@example.com")
    done(report_task.delay(DAY), f"{FILE}, report_task()")
    quiet()
    expect_each_once(
        mails,
        "the report task came a second time",
        "It comes a second time after a crash, or because somebody pressed a button. Whoever has a row for the day "
        "keeps it, and whoever has sent_at gets nothing.",
        [*PEOPLE, "new@example.com"],
    )


def test_killed(app, people, unlimited, mails, done, quiet, worker, delivered):
    """A process is killed in the middle of its mails: afterwards nobody is skipped, and nobody gets two."""
    from upkeep.models import Delivery
    from upkeep.tasks import mail_task, report_task

    mails.mode("slow 0.05")
    done(report_task.delay(DAY), FILE)
    until(lambda: mails.count() >= 6)
    mails.mode("slow 60")  # each process hangs in its next mail now

    def settled():
        before = mails.count()
        # Not in the moment between a mail and its mark: nobody could know then that it was sent.
        marked = Delivery.objects.filter(day=DAY).exclude(sent_at=None).count()
        return marked >= before and not until(lambda: mails.count() > before, 0.5)

    until(settled)
    replies = app.control.broadcast("active", reply=True, limit=1, timeout=5) or [{}]
    busy = [each for reply in replies for found in reply.values() for each in found if each["name"] == MAIL]
    sent = mails.count()
    if not busy or sent == len(PEOPLE):
        complain(
            "no mail task was at work while the mails were sent.",
            found=f"{sent} of {len(PEOPLE)} mails are sent",
            file=FILE,
        )
    mails.mode("ok")
    for task in busy:
        os.kill(task["worker_pid"], signal.SIGKILL)
    what = f"a process was killed with -9 when {sent} of {len(PEOPLE)} mails were sent"
    later = quiet()
    # What the killed process was at is locked until the lock's time is over, and tried again then. The check
    # does not wait: it takes the locks away, and sends what is to come later.
    if later:
        for key in delivered.redis.scan_iter("lock:*"):
            delivered.redis.delete(key)
        for message in later:
            mail_task.apply_async(message.args, message.kwargs)
        quiet()
        app.control.revoke([message.headers["id"] for message in later], reply=True, limit=1, timeout=5)
    task = app.tasks[MAIL]
    found = got(mails)
    skipped = sum(not found[each] for each in PEOPLE)
    if skipped:
        marked = Delivery.objects.filter(day=DAY, email__in=PEOPLE).exclude(sent_at=None).count()
        why = (
            "Their rows say that they were sent: they are marked before the mail is sent, and the process died in "
            "between."
            if marked > len(PEOPLE) - skipped
            else "Nobody did the task again. acks_late keeps the message until the task is done, and "
            "reject_on_worker_lost gives it back when the process dies."
        )
    else:
        why = (
            "The task came again, as it should, and began from the start. Each row has to say that its mail is sent, "
            "right after the sending, and the task has to look."
        )
    why += f"\nmail_task: acks_late={task.acks_late}, reject_on_worker_lost={task.reject_on_worker_lost}"
    expect_each_once(mails, what, why)


def test_message_id():
    """A mail that comes twice all the same has the same Message-ID: the recipient's mail program knows it."""
    from upkeep import reporting

    day = date.fromisoformat(DAY)
    ids = [
        reporting.message(day, email).extra_headers.get("Message-ID")
        for email in (PEOPLE[0], PEOPLE[0], PEOPLE[1])
    ]
    expect(
        ids[0] and ids[0] == ids[1] != ids[2],
        "the Message-ID of a report is not made of its day and its recipient.",
        found="\n".join(map(str, ids)),
        file="upkeep/reporting.py, message()",
    )
