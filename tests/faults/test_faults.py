"""Each test is one fault, and says what is promised.

`system.check()` passes after each of them: every accepted photo is resized or has a reason, there is a file
for each row and a row for each file.
"""

import os
import re
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing, contextmanager
from threading import Event, Thread

import psycopg
from celery import Celery
from files import largest_file
from finished_system import PATIENCE, System
from mailserver import MailServer
from servers import postgres

from workshop.runtime import temporary_servers


@contextmanager
def in_the_middle(system, count=6):
    """Inside the block, the worker is resizing two of `count` photos. Afterwards, it goes on.

    Every message is in the queue or unacknowledged. A killed worker would lose a message that is on its
    way from Redis.
    """
    system.hold()
    system.upload(count)
    with system.redis() as broker:
        system.wait(lambda: system.begun() >= 2 and broker.hlen("unacked") + broker.llen("celery") == count)
    yield
    system.release()


@contextmanager
def locked(system):
    """Inside the block, another connection holds the database's write lock."""
    with closing(sqlite3.connect(system.data / "db.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_a_pool_process_is_killed(system, outcome):
    system.start_worker()
    with in_the_middle(system):
        system.children()[0].kill()
    system.settle()
    # The worker may notice it seconds later. The message can be back before, because of its age.
    system.wait(lambda: re.search("WorkerLostError|signal 9", system.log("worker")))
    outcome(
        "kill -9 of a pool process during a resize",
        "the message returns to the queue, and another process resizes the photo",
        system.check(),
    )


def test_a_whole_worker_is_killed(system, outcome):
    system.start_worker()
    with in_the_middle(system):
        system.kill_worker()
    system.start_worker("worker again")
    system.settle()
    outcome(
        "kill -9 of the whole worker",
        "its messages are redelivered after the visibility timeout (5 s here), without the sweeper",
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
        "each message is discarded after six processes, and the sweeper marks the photo as failed",
        system.check(),
    )
    # The first message and three re-sent ones, and as many redelivered ones: the clocks run fast here.
    assert system.begun() <= 2 * 4 * 6


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
        "the broker is killed under load and restarted without its messages",
        "uploads are stored, the sweeper sends their tasks later, and a worker that exits is restarted",
        system.check(),
    )


def test_the_broker_is_flushed(system, outcome):
    system.upload(20)
    with system.redis() as broker:
        assert broker.llen("celery") == 20
        broker.flushall()
    system.start_worker()
    system.start_beat()
    system.settle()
    outcome("the broker is flushed with 20 tasks waiting", "the sweeper re-sends all of them", system.check())


def test_a_worker_is_asked_to_end(system, outcome):
    system.start_worker()
    with in_the_middle(system):
        system.end_worker()
        system.wait_for("Warm shutdown")
    assert system.processes["worker"].wait(PATIENCE) == 0
    done = sum(row["is_processed"] for row in system.rows())
    assert done >= 2, "the worker exited before it had finished its tasks"
    system.start_worker("worker again")
    system.settle()
    outcome(
        "a worker with running tasks is stopped (SIGTERM)",
        "it finishes the running tasks and returns the other messages to the queue immediately",
        system.check(),
    )


def test_one_message_twice_at_the_same_moment(system, outcome):
    system.upload(1)
    with system.redis() as broker:
        (message,) = broker.lrange("celery", 0, -1)
        broker.lpush("celery", message)
    system.hold()
    system.start_worker()
    system.wait(lambda: system.begun() == 2)  # in both processes
    system.release()
    system.wait_for("succeeded in", count=2)
    system.settle()
    outcome(
        "the same message is delivered twice at the same time",
        "both runs succeed, and there is one file and one row",
        system.check(),
    )


def test_the_database_is_locked(system, outcome):
    system.start_worker()
    with in_the_middle(system, 4), locked(system):
        system.release()  # now both processes want to write their rows
        system.wait(lambda: len(list((system.data / "media/resized").rglob("*.jpg"))) >= 2)
        assert not any(row["is_processed"] for row in system.rows()), "no process had to wait for the lock"
    system.upload(4)
    system.settle()
    outcome(
        "another process holds the database's write lock",
        "the web process and the workers wait for up to 20 s, and then continue",
        system.check(),
    )


def test_the_database_stays_locked(system, outcome):
    system.start_worker(LOCK_SECONDS="1")
    with in_the_middle(system, 4), locked(system):
        system.release()
        system.wait_for(" retry: ", count=2)
    system.settle()
    words = system.check()
    assert words.startswith("4 of 4 resized"), words
    outcome(
        "the write lock is held for longer than a worker waits for it",
        "the task is retried, and no photo is marked as failed",
        words,
    )


def test_the_database_stays_locked_for_longer_than_all_retries(system, outcome):
    system.start_worker(LOCK_SECONDS="1", RESIZE_OPTIONS='{"max_retries": 0}')
    with in_the_middle(system, 2), locked(system):
        system.release()
        system.wait_for("raised unexpected: OperationalError", count=2)
    assert len(system.open_rows()) == 2, "photos are marked as failed because of the database"
    system.start_beat()
    system.settle()
    words = system.check()
    assert words.startswith("2 of 2 resized"), words
    outcome(
        "the database is unavailable until the retries are exhausted",
        "the photos keep waiting, and the sweeper re-sends their tasks",
        words,
    )


def test_postgresql_is_stopped(tmp_path, outcome):
    with postgres() as address, System(tmp_path.resolve(), address) as system:
        server = Server(address)
        system.start_worker()
        with in_the_middle(system, 20):
            server.stop()
            system.release()
            system.wait_for("The database doesn't respond.", count=2)
            lines, started = len(system.log("worker").splitlines()), system.begun()
            server.start()
        system.settle()
        words = system.check()
    assert words.startswith("20 of 20 resized"), words
    assert started == 2, "the worker went on with other photos while the database was down"
    outcome(
        "PostgreSQL is stopped during a resize and restarted later",
        "the worker waits for it, leaves the other photos in the queue, and marks none as failed",
        f"{words}, {lines} lines in the worker's log before the restart",
    )


def test_postgresql_is_read_only(tmp_path, outcome):
    """So is a server that has just become a standby, or whose provider protects a full disk."""
    with postgres() as address, System(tmp_path.resolve(), address) as system:
        system.start_worker()
        with in_the_middle(system, 6):
            refuse_writes(address, "on")
            system.release()
            system.wait_for("retry: Retry in", count=2)
            refuse_writes(address, "off")
        system.settle()
        words = system.check()
    assert words.startswith("6 of 6 resized"), words
    outcome(
        "PostgreSQL is read-only during a resize, and takes changes again later",
        "the tasks are retried, and no photo is marked as failed",
        words,
    )


def refuse_writes(address, value):
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        connection.execute("SELECT pg_reload_conf()")


def test_the_hard_limit_while_the_database_is_locked(system, outcome):
    system.start_worker(LOCK_SECONDS="900", RESIZE_OPTIONS='{"soft_time_limit": 5, "time_limit": 6}')
    system.hold_deaf()
    system.upload(1)
    system.wait(lambda: system.begun() >= 1)
    with locked(system):
        system.wait_for("Hard time limit")
        # The lock is still held. A main process that waited for it would not respond for 15 minutes.
        answers = Celery(broker=system.broker.url).control.ping(timeout=PATIENCE, limit=1)
        assert answers, "the worker answers no ping"
        system.release()
    system.start_beat()
    system.settle()
    outcome(
        "a resize reaches the hard time limit while the database is locked",
        "the worker's main process responds, and the sweeper re-sends the task",
        system.check(),
    )


def test_photos_are_deleted_during_their_resize(system, outcome):
    system.start_worker()
    with in_the_middle(system, 6):
        image_ids = [row["id"] for row in system.rows()]
        for image_id in image_ids[:4]:  # two are being resized, the others are in the queue
            system.delete(image_id)
    system.wait_for(" was deleted ", count=4)
    system.settle()
    words = system.check()
    assert "Traceback" not in system.log("worker"), system.log("worker")[-2000:]
    outcome(
        "four of six photos are deleted before or during their resize",
        "their tasks end without an error and leave no file",
        f"{words}, no traceback, no file without a row",
    )


def test_redis_is_full(system, outcome):
    """Redis refuses to grow, which is its default policy, noeviction."""
    system.start_worker()
    system.keep()
    with in_the_middle(system, 12), system.redis() as broker:
        broker.config_set("maxmemory", 1)
        system.release()
        codes = system.upload(2)
        assert codes[302] == 2, f"an upload while Redis is full must be kept: {codes}"
        system.wait(lambda: system.started_again)
        broker.config_set("maxmemory", 0)
    system.start_beat()
    system.settle()
    words = system.check()
    assert words.startswith("14 of 14 resized"), words
    outcome(
        "Redis is full (noeviction) and its memory is raised later",
        "uploads are stored, a worker that exits is restarted, and the sweeper re-sends lost tasks",
        words,
    )


class Server:
    """The PostgreSQL of servers.postgres(), stopped and started again."""

    def __init__(self, address):
        with psycopg.connect(address) as connection:
            self.data = connection.execute("SHOW data_directory").fetchone()[0]

    def stop(self):
        self.run("-m", "immediate", "stop")

    def start(self):
        self.run("-w", "-l", f"{self.data}/log", "restart")  # as before: it remembers its options

    def run(self, *arguments):
        program = temporary_servers.postgres_program("pg_ctl")
        command = [*temporary_servers.as_user("postgres"), program, "-D", self.data, *arguments]
        subprocess.run(
            command, cwd=self.data, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


def test_500_uploads_at_once(system, outcome):
    system.start_worker(SWEEP_AFTER="60")  # on a slow machine, a photo waits longer than all default re-sends
    system.start_beat()
    codes = system.upload(500, at_once=500, size=(320, 240))
    assert codes[302] == 500, codes
    system.settle()
    words = system.check()
    assert words.startswith("500 of 500 resized"), words
    outcome("500 uploads at once", "each is accepted, and each is resized", words)


def test_the_disk_is_full(system, outcome):
    with small_disk(system) as kind:
        system.start_worker()
        system.start_beat()
        system.upload(6)
        system.settle()
        reasons = {row["failure_reason"] for row in system.rows()} - {""}
        assert reasons == {"Something went wrong on our side."}, "a photo is called damaged"
        words = system.check()
    outcome(
        f"the disk is full while results are written ({kind})",
        "a photo that does not fit fails with a reason, and leaves no incomplete file",
        words,
    )


@contextmanager
def small_disk(system):
    """Put the resized photos on a disk of 256 kB, or limit the size of a file if mounting is not allowed."""
    folder = system.data / "media" / "resized"
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=777", "tmpfs", str(folder)]
    if os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        try:
            yield "tmpfs of 256 kB"
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
        return
    with largest_file(65_536):  # the worker inherits it
        yield "no file above 64 kB"


def test_all_processes_for_uploads_hang(system, outcome):
    system.start_worker()
    system.start_worker("slow")

    def sweeps():
        return sum(system.log(name).count("Swept: ") for name in ("worker", "slow"))

    with in_the_middle(system):
        system.upload(30)
        system.start_beat()
        system.wait(lambda: sweeps() >= 3, "slow")
        ran = f"{sweeps()} sweeps ran in the meantime"
    system.settle()
    outcome(
        "all processes for uploads hang, and the queue is long",
        "the sweeper still runs",
        f"{ran}, {system.check()}",
    )


SUBSCRIBE = """
from upkeep.models import Subscriber
Subscriber.objects.bulk_create([Subscriber(email=f"reader-{each}@example.com") for each in range(COUNT)])
"""
REPORT = "from upkeep.tasks import report_task; report_task"


@contextmanager
def mail_server(system, **options):
    """Run a mail server. The processes that are started inside the block send their emails to it."""
    with MailServer(**options) as server:
        system.environment |= server.variables
        yield server


def copies(system, server, count):
    """Wait until each report is sent, and return how many copies the mail server got, as a sentence."""
    system.wait(lambda: len(system.rows("sent_at IS NOT NULL", "upkeep_delivery")) == count, "slow")
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
            "the mail server takes three times EMAIL_TIMEOUT to accept each email",
            "each recipient gets one report",
            copies(system, server, 3),
        )


def test_the_messages_of_a_report_are_lost(system, outcome):
    system.manage("shell", "-v0", "-c", SUBSCRIBE.replace("COUNT", "50"))
    system.manage("shell", "-v0", "-c", f"{REPORT}()")
    with system.redis() as broker:
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
        system.wait(lambda: len(system.rows()) >= 10, "web")
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
        "each accepted photo has a row in the database, or in the backup that restore makes first",
        f"{codes[302]} uploaded: {len(saved)} in the backup, {len(new)} in the database",
    )


def test_beat_is_killed_after_a_daily_run(system, outcome):
    system.start_worker("slow")
    system.start_beat_and_ask("daily backup")
    system.wait_for("Backup: ", "slow")
    # Beat writes its schedule file after each message, so it has written it when it sends the next one.
    sending, asked = "Sending due task", "Sending due task daily backup"
    system.wait(lambda: sending in system.log("beat").partition(asked)[2], "beat")
    system.processes.pop("beat").kill()
    with system.redis() as broker:
        broker.delete("lock:beat")  # it would expire after 30 seconds
    system.start("beat again", ASKED="daily backup")
    system.wait_for("Sending due task sweep", "beat again", count=3)
    sent = sum(system.log(name).count(asked) for name in ("beat", "beat again"))
    assert sent == 1
    outcome(
        "beat is killed just after it has sent a daily task",
        "the next beat process does not send it again",
        f"sent {sent} time",
    )
