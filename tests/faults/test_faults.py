"""Each test is one fault, and says what is promised. `system.check()` holds after every one of them:
each accepted photo is resized or has a reason, there is a file for each row and a row for each file."""

import os
import resource
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing, contextmanager
from threading import Event, Thread

import redis
from mailserver import MailServer
from system import send, until


def at_work(system, count=2):
    """Upload photos and wait until the worker has stopped in the middle of some, and has noted all messages.

    One that was on its way from Redis to the worker would be lost with the worker, not given back.
    """
    system.hold()
    system.upload(6)
    with redis.Redis.from_url(system.broker.url) as broker:
        until(
            lambda: system.begun() >= count and broker.hlen("unacked") + broker.llen("celery") == 6,
            lambda: system.log("worker")[-2000:],
        )


def test_a_pool_process_is_killed(system, outcome):
    system.start_worker()
    at_work(system)
    send(system.children()[0])
    system.release()
    system.settle()
    # The worker may notice it some seconds later; the message can be back before, for its age.
    until(
        lambda: "WorkerLostError" in system.log("worker") or "signal 9" in system.log("worker"),
        lambda: system.log("worker")[-2000:],
    )
    outcome(
        "kill -9 of a pool process in the middle of a resize",
        "its photo is given back at once, and another process resizes it",
        system.check(),
    )


def test_a_whole_worker_is_killed(system, outcome):
    system.start_worker()
    at_work(system)
    system.kill_worker()
    system.release()
    system.start_worker("worker again")
    system.settle()
    outcome(
        "kill -9 of the whole worker",
        "what it held comes back after the visibility timeout (5 s here), without the sweeper",
        system.check(),
    )


def test_a_photo_kills_each_process_that_resizes_it(system, outcome):
    (system.data / "poison").touch()
    system.start_worker(SWEEP_AFTER="1")
    system.start_beat()
    system.upload(1)
    system.settle()
    outcome(
        "a photo kills each process that resizes it",
        "the sweeper gives it up, and then its messages end, too",
        system.check(),
    )


def test_the_broker_goes_away_and_comes_back(system, outcome):
    system.start_worker()
    system.keep()  # Celery 5.7.0 may end with an AttributeError when its broker is killed under load
    system.start_beat()
    system.upload(10)
    system.broker.kill()
    codes = system.upload(10)
    assert codes[302] == 10, f"an upload without a broker must be kept: {codes}"
    system.broker.start()  # empty
    system.upload(10)
    system.settle()
    outcome(
        "the broker is killed under load and comes back empty",
        "uploads are kept meanwhile, and sent by the sweeper afterwards; a worker that ends is started again",
        system.check(),
    )


def test_the_broker_is_flushed(system, outcome):
    system.upload(20)
    with redis.Redis.from_url(system.broker.url) as broker:
        assert broker.llen("celery") == 20
        broker.flushall()
    system.start_worker()
    system.start_beat()
    system.settle()
    outcome(
        "the broker is flushed with 20 tasks waiting", "the sweeper sends all of them again", system.check()
    )


def test_a_worker_is_asked_to_end(system, outcome):
    system.start_worker()
    at_work(system)
    system.end_worker()
    until(lambda: "Warm shutdown" in system.log("worker"), lambda: system.log("worker")[-2000:])
    system.release()
    assert system.processes["worker"].wait(60) == 0
    done = sum(row["is_processed"] for row in system.rows())
    assert done >= 2, "what was in work is finished before it ends"
    system.start_worker("worker again")
    system.settle()
    outcome(
        "a worker is asked to end (SIGTERM) with work in hand",
        "it finishes what it has begun and gives the rest back at once",
        system.check(),
    )


def test_one_message_twice_at_the_same_moment(system, outcome):
    system.upload(1)
    with redis.Redis.from_url(system.broker.url) as broker:
        (message,) = broker.lrange("celery", 0, -1)
        broker.lpush("celery", message)
    system.hold()
    system.start_worker()
    until(lambda: system.begun() == 2, lambda: system.log("worker")[-2000:])  # both processes are at it
    system.release()
    until(lambda: system.log("worker").count("succeeded in") == 2, lambda: system.log("worker")[-2000:])
    system.settle()
    outcome(
        "the same message is delivered twice at the same moment",
        "both runs succeed, and leave one file and one row",
        system.check(),
    )


def test_the_database_is_locked(system, outcome):
    system.start_worker()
    with closing(sqlite3.connect(system.data / "db.sqlite3", isolation_level=None)) as other:
        system.hold()
        system.upload(4)
        until(lambda: system.begun() >= 2, lambda: system.log("worker")[-2000:])
        other.execute("BEGIN IMMEDIATE")
        system.release()  # now both processes want to write their rows
        until(lambda: all_files_written(system, 2), "two files")
        locked = sum(row["is_processed"] for row in system.rows())
        other.execute("ROLLBACK")
    assert locked == 0, "the lock was not in the way of anybody"
    system.upload(4)
    system.settle()
    outcome(
        "somebody else holds the database's write lock",
        "web and workers wait for it, up to 20 s, and go on",
        system.check(),
    )


def all_files_written(system, count):
    return len(list((system.data / "media" / "resized").rglob("*.jpg"))) >= count


def test_500_uploads_at_once(system, outcome):
    system.start_worker()
    system.start_beat()
    codes = system.upload(500, at_once=500, size=(320, 240))
    assert codes[302] == 500, codes
    system.settle()
    outcome("500 uploads at once", "each is accepted, and each is resized", system.check())


def test_the_disk_is_full(system, outcome):
    with small_disk(system) as kind:
        system.start_worker()
        system.start_beat()
        system.upload(6)
        system.settle()
        reasons = {row["failure_reason"] for row in system.rows()} - {""}
        assert reasons == {"Something went wrong on our side."}, "nobody calls these photos damaged"
        words = system.check()
    outcome(
        f"the disk is full while results are written ({kind})",
        "what does not fit is refused with a reason, and leaves no half file",
        words,
    )


@contextmanager
def small_disk(system):
    """Let the resized photos lie on a disk of 256 kB. Who may not mount one gets a limit on a file's size."""
    folder = system.data / "media" / "resized"
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=777", "tmpfs", str(folder)]
    if os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        try:
            yield "tmpfs of 256 kB"
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
        return
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, before[1]))  # the worker inherits it
    try:
        yield "no file above 64 kB"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_all_processes_for_uploads_hang(system, outcome):
    system.start_worker()
    system.start_worker("slow")
    at_work(system)
    system.upload(30)
    system.start_beat()

    def sweeps():
        return sum(system.log(name).count("Swept: ") for name in ("worker", "slow"))

    until(lambda: sweeps() >= 3, lambda: system.log("slow")[-2000:])
    ran = f"{sweeps()} sweeps ran in the meantime"
    system.release()
    system.settle()
    outcome(
        "all processes for uploads hang, and the queue is long",
        "the sweeper runs all the same",
        f"{ran}, {system.check()}",
    )


SUBSCRIBE = """
from upkeep.models import Subscriber
Subscriber.objects.bulk_create([Subscriber(email=f"reader-{each}@example.com") for each in range(COUNT)])
"""
REPORT = "from upkeep.tasks import report_task; report_task"


@contextmanager
def mail_server(system, **options):
    """A mail server. The processes that are started from now on send their emails to it."""
    server = MailServer(**options)
    try:
        port = str(server.server_address[1])
        system.environment |= {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": port, "EMAIL_USE_TLS": "0"}
        yield server
    finally:
        server.shutdown()
        server.server_close()


def copies(system, server, count):
    """Wait until each report is sent, and say how many copies the mail server got."""
    until(
        lambda: len(system.rows("sent_at IS NOT NULL", "upkeep_delivery")) == count,
        lambda: system.log("slow"),
    )
    assert len(server.accepted) == count
    twice = sum(number - 1 for number in server.accepted.values())
    return f"{count} of {count} sent, {twice} of them twice"


def test_the_mail_server_accepts_late(system, outcome):
    system.manage("shell", "-v0", "-c", SUBSCRIBE.replace("COUNT", "3"))
    with mail_server(system, accept=3) as server:
        system.start_worker()
        system.start_worker("slow")
        system.manage("shell", "-v0", "-c", f"{REPORT}.delay()")
        outcome(
            "the mail server accepts each email three times later than EMAIL_TIMEOUT",
            "each recipient gets one report",
            copies(system, server, 3),
        )


def test_the_messages_of_a_report_are_lost(system, outcome):
    system.manage("shell", "-v0", "-c", SUBSCRIBE.replace("COUNT", "50"))
    system.manage("shell", "-v0", "-c", f"{REPORT}()")
    with redis.Redis.from_url(system.broker.url) as broker:
        assert broker.llen("slow") == 3
        broker.flushall()
    with mail_server(system) as server:
        system.start_worker()
        system.start_worker("slow")
        system.start_beat_and_ask("late reports")
        outcome(
            "the broker is flushed with 50 reports waiting",
            "the next run of report_task sends them",
            copies(system, server, 50),
        )


def test_photos_are_uploaded_during_a_restore(system, outcome):
    system.start_worker()
    system.upload(4)
    system.settle()
    system.manage("backup")
    (backup,) = (system.data / "backups").iterdir()
    codes, restored = Counter(), Event()

    def visit():
        while not restored.is_set():
            codes.update(system.upload(8, at_once=4))

    visitors = Thread(target=visit)
    visitors.start()
    try:
        until(lambda: len(system.rows()) >= 10, "uploads")
        system.manage("restore", backup.name)
    finally:
        restored.set()
        visitors.join()
    assert list(codes) == [302], codes
    safety = max((system.data / "backups").iterdir())
    system.settle()
    saved = system.rows("id > 4", file=safety / "db.sqlite3")
    new = system.rows("id > 4")
    names = Counter(row["image"] for row in saved + new)
    assert saved
    assert names.total() == len(names) == codes[302], names
    outcome(
        "photos are uploaded during a restore",
        "each accepted photo has its row in the database, or in the backup that restore makes first",
        f"{codes[302]} uploaded: {len(saved)} in the backup, {len(new)} in the database",
    )


def test_beat_is_killed_after_a_daily_run(system, outcome):
    system.start_worker("slow")
    system.start_beat_and_ask("daily backup")
    until(lambda: "Backup: " in system.log("slow"), lambda: system.log("slow"))
    send(system.processes.pop("beat"))
    with redis.Redis.from_url(system.broker.url) as broker:
        broker.delete("lock:beat")  # it would expire after 30 seconds
    system.start("beat again", ASKED="daily backup")
    until(
        lambda: system.log("beat again").count("Sending due task sweep") >= 3,
        lambda: system.log("beat again"),
    )
    sent = sum(system.log(name).count("Sending due task daily backup") for name in ("beat", "beat again"))
    assert sent == 1
    outcome(
        "beat is killed just after it has sent a daily run",
        "the next beat knows about it, and does not send it again",
        f"sent {sent} time",
    )
