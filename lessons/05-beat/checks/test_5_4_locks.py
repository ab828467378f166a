import contextlib
import importlib
import os
import platform
import signal
import socket
import threading
import time
from collections import Counter

import pytest

from workshop.checkkit import STARTING, complain, expect, until
from workshop.checkkit.beat import SENDING
from workshop.checkkit.code_locations import raised_at
from workshop.checkkit.process import start_python
from workshop.system.ports import free_port

pytestmark = [pytest.mark.step("5.4"), pytest.mark.long]

FILE = "upkeep/locks.py, try_lock()"
LOCKS = "upkeep/locks.py"
NOT_ONE_YIELD = {
    "is not an iterator": (
        "try_lock() returns a value instead of yielding it.",
        "try_lock() is a context manager: at the `yield`, the with block runs. Write `yield` instead of `return`.",
    ),
    "generator didn't yield": (
        "try_lock() ended without yielding.",
        "The with block runs at the `yield`, even if this process did not get the lock. In that case, yield False.",
    ),
    "generator didn't stop": (
        "try_lock() yields a second time after the with block.",
        "The with block runs at the `yield`, so there must be only one. Yield what acquire() returns.",
    ),
}
"""Maps part of an error message from contextlib to what happened and why."""


# A separate process, because a lock may be reached by another setting than REDIS_URL, such as CACHES.
SEND = """
import sys
import django
django.setup()
from upkeep.tasks import send_report
print("send_report() returned", send_report(int(sys.argv[1])))
"""


@pytest.fixture
def name():
    """The name of a lock that no process has used yet."""
    return f"check-{time.monotonic_ns()}"


@pytest.fixture
def beats_at_once(beat):
    """Two beat processes that were started with the same command, as if on two machines."""
    return beat(), beat()


def holder(name, seconds):
    """Start another process that holds the lock and does not release it. Returns the pid of that process."""
    from upkeep import locks

    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            on_another_machine()
            importlib.reload(locks)
            with locks.try_lock(name, seconds=seconds) as acquired:
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
    expect(
        got == b"yes",
        "the lock was free, but try_lock() did not yield True in another process.",
        "Acquire the lock, and yield what acquire() returns.",
        file=FILE,
    )
    return pid


@contextlib.contextmanager
def explained():
    """Explain the exceptions that contextlib raises if try_lock() does not yield exactly once."""
    try:
        yield
    except (TypeError, RuntimeError) as error:
        found = next((text for text in NOT_ONE_YIELD if text in str(error)), None)
        if not found:
            raise
        what, why = NOT_ONE_YIELD[found]
        complain(what, why, found=f"{type(error).__name__}: {error}", file=FILE)


def on_another_machine():
    """Give this process the host name of another machine."""
    name = os.uname()
    other = os.uname_result((name.sysname, "another-machine", *name[2:]))
    os.uname = lambda: other
    os.environ["HOSTNAME"] = other.nodename
    socket.gethostname = socket.getfqdn = platform.node = lambda *args: other.nodename


def end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_yields(app, name):
    """If the lock is free, try_lock() yields True once."""
    from upkeep.locks import try_lock

    with explained(), try_lock(name, seconds=60) as acquired:
        found = acquired
    expect(
        found is True,
        "the lock was free, but try_lock() did not yield True.",
        "Acquire the lock, and yield what acquire() returns.",
        expected="True",
        found=repr(found),
        file=FILE,
    )


def test_one_of_two_processes(app, name, time_limit):
    """While one process holds the lock, another process does not get it."""
    from upkeep.locks import try_lock

    pid = holder(name, 60)
    try:
        with time_limit(
            "try_lock() waited for the lock.",
            "Sweeps that wait for a lock keep worker processes busy. acquire(blocking=False) tries once, "
            "and returns False if the lock is taken.",
            file=FILE,
        ):
            with explained(), try_lock(name, seconds=60) as acquired:
                found = acquired
            with try_lock(name, seconds=60) as acquired:
                again = acquired
            with (
                try_lock(f"{name}-2", seconds=60) as other,
                try_lock(f"{name}-2", seconds=60) as alone,
            ):
                pass
    finally:
        end(pid)
    facts = {
        "expected": "try_lock() yields False, because another process holds the lock",
        "found": f"{found}",
        "file": FILE,
    }
    expect(
        found is not True or alone is not True,
        "try_lock() yielded True, although the lock was taken.",
        "Acquire the lock with acquire(blocking=False), and yield what it returns. Pass `name` to new_lock() "
        "unchanged.",
        **facts,
    )
    expect(
        found is not True,
        "two processes held the same lock at the same time.",
        "Other processes can't see a lock in this process's memory, and other machines can't see a lock in a file "
        "on this one. Use new_lock(), which creates a lock in Redis, and pass `name` to it unchanged.",
        **facts,
    )
    expect(found is False, "a process did not get the lock, but try_lock() did not yield False.", **facts)
    expect(
        other is True,
        "while one process held a lock, a lock with a different name was unavailable, too.",
        "A sweep would be skipped because of a running backup. Each name is a separate lock, so pass the argument "
        "`name` to new_lock() unchanged.",
        expected="try_lock() yields True, because no process holds the lock with this name",
        found=f"{other}",
        file=FILE,
    )
    expect(
        again is False,
        "a process that did not get the lock has released the holder's lock.",
        "Call release() only if this process acquired the lock.",
        **facts,
    )


def test_lasts(app, name):
    """A lock does not expire before `seconds` have passed."""
    from upkeep.locks import try_lock

    with try_lock(name, seconds=60):
        time.sleep(0.3)
        with try_lock(name, seconds=60) as acquired:
            pass
    expect(
        acquired is False,
        "a lock expired long before `seconds` had passed, so a second process got it.",
        "new_lock() and Redis' option ex take seconds, and px takes milliseconds. Pass `seconds` to new_lock() unchanged.",
        expected="with seconds=60, the lock is still taken after 0.3 seconds",
        found="it is free",
        file=FILE,
    )


def test_many_at_once(app, name):
    """If many processes ask for the lock at the same time, only one gets it."""
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
        f"{threads} threads asked for the lock at the same time, and "
        + ("none of them got it." if found == [0] else f"{max(found)} got it."),
        "Checking the lock and then setting it are two steps, so another process may set it in between. "
        "acquire() checks and sets the lock in a single command.",
        expected="1",
        found=", ".join(map(str, found)),
        file=FILE,
    )


def test_given_back(app, name):
    """After the with block, the lock is free, even if the block raised an exception."""
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
        "the with block is over, but the next process did not get the lock. Call release() after the yield.",
        found=found,
        file=FILE,
    )
    swallowed = True
    try:
        with try_lock(name, seconds=60):
            raise Broken
    except Broken:
        swallowed = False
    expect(
        not swallowed,
        "an exception raised in the with block was swallowed. Use try and finally without except.",
        file=FILE,
    )
    with try_lock(name, seconds=60) as acquired:
        expect(
            acquired is True,
            "the with block raised an exception, and the lock was not released.",
            "An exception raised in the block is raised again at the `yield`, so the lines after the "
            "`yield` don't run. Put release() in a finally block.",
            file=FILE,
        )


def test_expires(app, name):
    """If a process is killed, its lock expires after `seconds`."""
    from upkeep.locks import try_lock

    end(holder(name, 1))

    def free():
        with try_lock(name, seconds=60) as acquired:
            return acquired

    expect(
        until(free, 5),
        "a process was killed while it held the lock, but the lock did not expire.",
        "After kill -9, no finally block runs. Pass `seconds` to new_lock() so that the key in Redis expires.",
        expected="the lock is free after 1 second",
        found="the lock is still taken after 5 seconds",
        file=FILE,
    )


def test_not_anothers(app, name):
    """A process whose lock has expired does not release the next process's lock."""
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
    expect(got, "the lock did not expire.", file=FILE)
    try:
        slow.__exit__(None, None, None)
    except Exception as error:
        complain(
            "a process was too slow, so its lock expired and a second process got the lock. Then releasing the lock raised "
            "an exception in the first process.",
            "The work is done, so its task should not fail. Call release() from this file, which ignores this exception.",
            raised=f"{type(error).__name__}: {error}",
            raised_at=raised_at(error),
            file=FILE,
        )
    with try_lock(name, seconds=60) as third:
        pass
    fast.__exit__(None, None, None)
    expect(
        third is False,
        "the first process was too slow, so its lock expired and a second process got the lock. Then the "
        "first process released the lock, and a third process got it.",
        "A process must release only its own lock. Don't delete the key yourself: release() first compares "
        "the token in the key with the token of this process.",
        expected="try_lock() yields False, because the second process still holds the lock",
        found=third,
        file=LOCKS,
    )


def test_tasks_use_it(app, worker, expect_success, settings, tmp_path):
    """A backup is skipped if another backup is already running."""
    from upkeep import backups
    from upkeep.locks import try_lock
    from upkeep.tasks import back_up_task

    before = set(backups.all_backups())
    with try_lock("backup", seconds=60):
        expect_success(back_up_task.delay(), FILE)
    made = set(backups.all_backups()) - before
    expect(not made, "another process held the backup lock, but the worker made a backup anyway.", file=FILE)
    expect_success(back_up_task.delay(), "upkeep/backups.py")
    made = set(backups.all_backups()) - before
    expect(
        len(made) == 1,
        "no other process held the backup lock, but the worker did not make a backup.",
        file=FILE,
    )


def test_mails_use_it(app, worker, expect_success, mails):
    """mail_task skips an email that another process is sending at the moment."""
    from upkeep.locks import try_renewed_lock
    from upkeep.models import Delivery
    from upkeep.tasks import mail_task

    if app.tasks[mail_task.name].rate_limit:
        app.control.rate_limit(mail_task.name, "0", reply=True, limit=1, timeout=5)
    delivery = Delivery.objects.create(day="2026-03-02", email="reader@example.com")
    facts = {"file": f"{LOCKS}, try_renewed_lock()"}
    leave = (
        "Leave new_lock(), release() and try_renewed_lock() in upkeep/locks.py as they were in the starter."
    )
    # The check plays the process that is sending. Two tasks would meet at the lock only by chance, and until
    # step 5.6, a task that comes later sends the email again.
    with try_renewed_lock(f"delivery-{delivery.pk}", seconds=60):
        refused = mail_task.delay([delivery.pk])
        until(lambda: worker.outcome(refused.id, or_retry=True))
        sent = mails.count()
    app.control.revoke(refused.id, reply=True, limit=1, timeout=5)
    expect(
        not sent,
        "while one process was sending an email, mail_task sent the same email again.",
        f"try_renewed_lock() must yield True in only one process. {leave}",
        expected="no email, because another process holds its lock",
        found=f"{sent} email",
        **facts,
    )
    expect(
        worker.outcome(refused.id, or_retry=True),
        "mail_task did not end in time. If your machine is busy, run the check again.",
        worker_says=worker.log.strip().splitlines()[-1],
        **facts,
    )
    expect_success(mail_task.delay([delivery.pk]), facts["file"])
    expect(
        mails.count() == 1,
        "no other process was sending the email, but mail_task did not send it.",
        leave,
        expected="1 email",
        found=f"{mails.count()} emails",
        **facts,
    )


def test_two_beats(beats_at_once, beat):
    """Only one of two beat processes sends tasks. The other one logs that it is waiting, and takes over when the first one stops."""
    first, second = beats_at_once

    def sends_or_stopped():
        return SENDING in first.log + second.log or not first.running or not second.running

    until(sends_or_stopped, STARTING)
    if SENDING in second.log:
        first, second = second, first
    facts = {"file": "myproject/settings.py, CELERY_BEAT_SCHEDULER"}
    waits = "another beat process is sending tasks"
    if SENDING in first.log:
        until(lambda: waits in second.log or SENDING in second.log or not second.running)
    expect(
        first.running and second.running,
        "two beat processes were started, but one of them has stopped.",
        beat_says=(first if not first.running else second).last_error or "nothing",
        **facts,
    )
    expect(
        SENDING in first.log,
        "two beat processes are running, but neither of them sends any tasks.",
        beat_says=first.log.strip().splitlines()[-1],
        **facts,
    )
    expect(
        SENDING not in second.log,
        "two beat processes are running, and both of them send tasks.",
        "So every task is sent twice, even the backup. Set CELERY_BEAT_SCHEDULER to "
        '"upkeep.beat:OnlyScheduler", which sends tasks only while it holds a lock.',
        expected="one of them sends, and the other one waits",
        found="both of them send",
        **facts,
    )
    expect(
        waits in second.log,
        "the second beat process did not log that another one is sending. Leave "
        "OnlyScheduler in upkeep/beat.py as it was.",
        **facts,
    )
    first.terminate()
    expect(
        second.wait_for(SENDING, 20),
        "the beat process that was sending has stopped, but the other one did not take over within 20 seconds.",
        "OnlyScheduler should release the lock when beat stops. Leave upkeep/beat.py and release() in "
        "upkeep/locks.py as they were.",
        beat_says=second.log.strip().splitlines()[-1],
        file="upkeep/beat.py",
    )


def test_mails_wait_for_the_locks():
    """If Redis does not respond, the report is sent later instead of being lost."""
    from upkeep.models import Delivery

    delivery = Delivery.objects.create(day="2026-03-01", email="someone@example.org")
    sender = start_python(SEND, str(delivery.pk), REDIS_URL=f"redis://localhost:{free_port()}/0")
    try:
        code = sender.wait(60)
        said = (sender.log.strip().splitlines() or ["nothing"])[-1]
    finally:
        sender.stop()
    expect(
        code is not None,
        "Redis was down, but send_report() did not return within 60 seconds.",
        "If your machine is very busy, run the check again.",
        file="upkeep/tasks.py, send_report()",
    )
    expect(
        said == "send_report() returned False",
        "Redis was down, but send_report() did not return False, so the email will not be retried.",
        found=said,
        file="upkeep/tasks.py, send_report()",
    )
