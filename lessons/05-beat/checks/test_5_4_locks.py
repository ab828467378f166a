import os
import signal
import threading
import time
from collections import Counter

import pytest

from workshop.checkkit import expect, until
from workshop.checkkit.beat import SENDING
from workshop.ports import free_port

pytestmark = [pytest.mark.step("5.4"), pytest.mark.long]

FILE = "upkeep/locks.py, try_lock()"
LOCKS = "upkeep/locks.py"


@pytest.fixture
def name():
    """The name of a lock that nobody has had."""
    return f"check-{time.monotonic_ns()}"


@pytest.fixture
def beats_at_once(beat):
    """Two beats that were started from the same Procfile, as on two machines."""
    return beat(), beat()


def holder(name, seconds):
    """Another process, which has the lock and does not give it back. Returns its pid."""
    from upkeep.locks import try_lock

    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            with try_lock(name, seconds=seconds) as acquired:
                os.write(writing, b"yes" if acquired else b"no!")
                time.sleep(60)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        got = pipe.read(3)
    if got != b"yes":
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    expect(got == b"yes", "nobody holds the lock, and try_lock() says so to nobody.", found=got, file=FILE)
    return pid


def end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_one_of_two_processes(app, name, patience):
    """While one process holds the lock, another one does not get it."""
    from upkeep.locks import try_lock

    pid = holder(name, 60)
    try:
        with patience(
            "try_lock() waits until the lock is free.",
            "Then the sweeps queue up one behind the other, each with a process of the worker. blocking=False asks "
            "once, and says so when it is not free.",
            file=FILE,
        ):
            with try_lock(name, seconds=60) as acquired:
                found = acquired
            with try_lock(name, seconds=60) as acquired:
                again = acquired
    finally:
        end(pid)
    facts = {"expected": "False from try_lock(): it is held", "found": f"{found}", "file": FILE}
    expect(
        found is not True,
        "two processes hold the same lock at the same time.",
        "What lies in the memory of one process, or in a file of one machine, the other does not see. Both see Redis.",
        **facts,
    )
    expect(found is False, "try_lock() is not False for the one that did not get the lock.", **facts)
    expect(
        again is False,
        "the one that did not get the lock took it away from the one that has it.",
        "Give back what is yours: only when it was acquired.",
        **facts,
    )


def test_many_at_once(app, name):
    """Of many that ask at the same moment one gets it."""
    from upkeep.locks import try_lock

    threads, rounds = 6, 8
    begin, held, winners = threading.Barrier(threads), threading.Barrier(threads), Counter()
    errors = []

    def ask():
        try:
            for number in range(rounds):
                begin.wait(10)
                with try_lock(f"{name}-{number}", seconds=60) as acquired:
                    winners[number] += bool(acquired)
                    held.wait(10)
        except Exception as error:
            errors.append(error)
            begin.abort(), held.abort()

    running = [threading.Thread(target=ask) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    real = [error for error in errors if not isinstance(error, threading.BrokenBarrierError)]
    if real:
        raise real[0]
    found = sorted({winners[number] for number in range(rounds)})
    expect(
        found == [1],
        f"{threads} asked for the lock at the same moment, and "
        + ("nobody got it." if found == [0] else f"{max(found)} got it."),
        "Looking whether it is free and taking it are two steps, and somebody else is in between. Redis has one "
        "command for both: set, if it is not there.",
        expected="1",
        found=", ".join(map(str, found)),
        file=FILE,
    )


def test_given_back(app, name):
    """Afterwards the lock is free, also when the block has failed."""
    from upkeep.locks import try_lock

    class Broken(Exception):
        pass

    found = []
    with try_lock(name, seconds=60) as acquired:
        found.append(acquired)
    with try_lock(name, seconds=60) as acquired:
        found.append(acquired)
    expect(
        found == [True, True],
        "the lock was given back, and the next one does not get it.",
        found=found,
        file=FILE,
    )
    swallowed = True
    try:
        with try_lock(name, seconds=60):
            raise Broken
    except Broken:
        swallowed = False
    expect(not swallowed, "what the block raises is swallowed.", file=FILE)
    with try_lock(name, seconds=60) as acquired:
        expect(
            acquired is True,
            "the block failed, and the lock is still taken.",
            "A generator that is a context manager gets the exception at its yield: what stands behind it is not run, "
            "unless it stands in a finally.",
            file=FILE,
        )


def test_expires(app, name):
    """The lock of a process that was killed is gone after its seconds."""
    from upkeep.locks import try_lock

    end(holder(name, 1))

    def free():
        with try_lock(name, seconds=60) as acquired:
            return acquired

    expect(
        until(free, 5),
        "a process was killed while it held the lock, and the lock is there for ever.",
        "kill -9 leaves nobody time for a finally. The key in Redis needs an end of its own: the seconds.",
        expected="free after 1 second",
        found="taken after 5 seconds",
        file=FILE,
    )


def test_not_anothers(app, name):
    """Whoever took longer than its seconds does not take away the lock of the next one."""
    from upkeep.locks import try_lock

    slow, fast = try_lock(name, seconds=1), try_lock(name, seconds=60)
    slow.__enter__()
    got = []
    for _ in range(100):
        if fast.__enter__():
            got.append(fast)
            break
        fast.__exit__(None, None, None)
        fast = try_lock(name, seconds=60)
        time.sleep(0.05)
    expect(got, "the lock does not expire.", file=FILE)
    slow.__exit__(None, None, None)
    with try_lock(name, seconds=60) as third:
        pass
    fast.__exit__(None, None, None)
    expect(
        third is False,
        "the first one was too slow, its lock expired, the second one took it; then the first one gave it back, and a "
        "third one got it.",
        "It gave back a lock that was not its own any more. A lock holds a token that only its holder knows; "
        "redis-py's Lock compares it.",
        expected="False: the second one still holds it",
        found=third,
        file=LOCKS,
    )


def test_tasks_use_it(app, worker, done, settings, tmp_path):
    """A backup that is asked for while another one is made is left out."""
    from upkeep import backups
    from upkeep.locks import try_lock
    from upkeep.tasks import back_up_task

    before = set(backups.all_backups())
    with try_lock("backup", seconds=60):
        done(back_up_task.delay(), FILE)
    made = set(backups.all_backups()) - before
    expect(not made, "somebody makes a backup, and the worker makes another one.", file=FILE)
    done(back_up_task.delay(), "upkeep/backups.py")
    made = set(backups.all_backups()) - before
    expect(len(made) == 1, "nobody else makes a backup, and the worker makes none.", file=FILE)


def test_mails_use_it(app, worker, done, mails, ended):
    """The same mail task comes twice at the same moment, and everybody gets one mail."""
    from upkeep.models import Delivery
    from upkeep.tasks import mail_task

    if app.tasks[mail_task.name].rate_limit:
        app.control.rate_limit(mail_task.name, "0", reply=True, limit=1, timeout=5)
    people = [f"reader-{number}@example.com" for number in range(8)]
    rows = Delivery.objects.bulk_create([Delivery(day="2026-03-02", email=email) for email in people])
    mails.mode("slow 0.1")
    sent = [mail_task.delay([row.pk for row in rows]) for _ in range(2)]
    until(lambda: all(ended(each.id) for each in sent))
    until(lambda: not Delivery.objects.filter(sent_at=None).exists(), 3)
    app.control.revoke([each.id for each in sent], reply=True, limit=1, timeout=5)
    found = Counter(recipient for recipients, _ in mails() for recipient in recipients)
    expect(
        max(found.values(), default=0) <= 1,
        "two processes had the same mail task at the same moment, and people got the report twice.",
        "Both saw that it was not sent. Only the one that holds the lock may send.",
        found=", ".join(f"{each}: {times}" for each, times in found.items() if times > 1),
        file=FILE,
    )


def test_two_beats(beats_at_once, beat):
    """Of two beats one sends. The other one waits, says so, and takes over when the first one ends."""
    first, second = beats_at_once
    until(lambda: SENDING in first.log + second.log, 30)
    if SENDING in second.log:
        first, second = second, first
    facts = {"file": "myproject/settings.py, CELERY_BEAT_SCHEDULER"}
    waits = "Another beat sends"
    until(lambda: waits in second.log or SENDING in second.log or not second.running, 30)
    expect(
        first.running and second.running,
        "a beat ended by itself.",
        beat_says=(first if not first.running else second).last_words or "nothing",
        **facts,
    )
    expect(
        SENDING in first.log,
        "two beats run, and neither sends.",
        beat_says=first.log.strip().splitlines()[-1],
        **facts,
    )
    expect(
        SENDING not in second.log,
        "two beats run, and both send.",
        "Everything comes twice then: two reports, two backups. Nobody wants a second beat; somebody starts one all "
        "the same, by hand or in a second container. upkeep/beat.py has a scheduler that sends only while it holds a "
        "lock.",
        expected="one sends, the other waits",
        found="both send",
        **facts,
    )
    expect(waits in second.log, "the second beat does not say that another one sends.", **facts)
    first.end()
    expect(
        second.wait(SENDING, 12),
        "the beat that sent has ended, and the other one does not take over.",
        "release() gives the lock back when beat ends.",
        beat_says=second.log.strip().splitlines()[-1],
        file="upkeep/beat.py",
    )


def test_mails_wait_for_the_locks(settings):
    """Where Redis, which has the locks, does not answer, a report is sent later, not lost."""
    from upkeep.models import Delivery
    from upkeep.tasks import send_report

    delivery = Delivery.objects.create(day="2026-03-01", email="someone@example.org")
    settings.REDIS_URL = f"redis://localhost:{free_port()}/0"
    expect(
        send_report(delivery.pk) is False,
        "a mail whose lock cannot be asked for is not tried again.",
        file="upkeep/tasks.py, send_report()",
    )
