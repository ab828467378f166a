"""Each test is one fault, and says what is promised. `system.check()` holds after every one of them:
each accepted photo is resized or has a reason, there is a file for each row and a row for each file."""

import os
import resource
import sqlite3
import subprocess
from contextlib import closing, contextmanager

import redis
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
