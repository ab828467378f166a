"""Shared fixtures for this lesson's checks."""

import contextlib
import email
import email.policy
import numbers
import shutil
import threading
from datetime import datetime
from pathlib import Path

import pytest

from workshop.checkkit import beat as beats
from workshop.checkkit import complain, expect, task_name, until
from workshop.checkkit.concurrent_writer import ConcurrentWriter
from workshop.checkkit.queues import queue_of

SCHEDULE = "myproject/settings.py, CELERY_BEAT_SCHEDULE"
BEAT_DATABASE = 5


@pytest.fixture
def scheduled(app, settings):
    """scheduled(task) returns the name and the content of the schedule entry that sends the task.

    Only one entry may send the task. With first=True, several entries are allowed, and the first one is returned.
    """
    app.loader.import_default_modules()
    app.finalize()

    def find(task, first=False):
        task = task_name(task)
        entries = app.conf.beat_schedule or {}
        found = {name: entry for name, entry in entries.items() if entry.get("task") == task}
        if len(found) > 1 and not first:
            complain(
                f"{len(found)} schedule entries send {task}.",
                "Beat sends the task once for each of these entries. Keep only one entry.",
                found=", ".join(found),
                file=SCHEDULE,
            )
        if not found:
            complain(
                f"no schedule entry sends {task}.",
                "Celery reads only the CELERY_BEAT_SCHEDULE setting, and silently ignores any other name. "
                "Add an entry with this task to CELERY_BEAT_SCHEDULE.",
                found="\n".join(f"{name}: {entry.get('task')}" for name, entry in entries.items())
                or "an empty schedule",
                not_read_by_Celery=", ".join(_lookalikes(settings)) or "nothing",
                file=SCHEDULE,
            )
        return next(iter(found.items()))

    return find


def _lookalikes(settings):
    """Yield the names of settings that look like a schedule but are not read by Celery."""
    for name in dir(settings):
        value = getattr(settings, name, None) if name.isupper() and name != "CELERY_BEAT_SCHEDULE" else None
        entries = list(value.values()) if isinstance(value, dict) else []
        if any(isinstance(entry, dict) and "task" in entry for entry in entries):
            yield name


@pytest.fixture
def expires_after(app):
    """expires_after(name, entry, seconds, code, why) fails the check unless this schedule entry's messages
    expire after about `seconds`.

    `code` is how to write the seconds, and `why` explains what goes wrong with another value.
    """

    def look(name, entry, seconds, code, why):
        options = entry.get("options") or {}
        task = app.tasks.get(entry["task"])
        found = options.get("expires", task and task.expires) if isinstance(options, dict) else None
        label = f"the {name!r} entry"
        facts = {"expected": f'"options": {{"expires": {code}}}', "found": f"{entry!r}", "file": SCHEDULE}
        expect(
            isinstance(options, dict),
            f"{label} has `options` that are not a dictionary.",
            f"Write a dictionary with the option's name as the key: {{'expires': {code}}}.",
            **facts,
        )
        expect(
            found is not None or "expires" not in entry,
            f"{label} has `expires` in the wrong place.",
            "Options of apply_async(), such as expires, belong in the `options` dictionary.",
            **facts,
        )
        expect(
            found is not None,
            f"messages from {label} never expire.",
            f"Set expires to {code}. {why}",
            **facts,
        )
        once = "A datetime is computed only once, when the settings are read, so it is soon in the past. "
        expect(
            isinstance(found, numbers.Real),
            f"{label} has an `expires` that is not a number of seconds.",
            f"Write {code}, without quotation marks."
            if isinstance(found, str)
            else f"{once if isinstance(found, datetime) else ''}Write {code}, the number of seconds after which a sent "
            "message expires.",
            **facts,
        )
        expect(
            abs(found - seconds) <= seconds / 10,
            f"messages from {label} expire after {found:g} seconds instead of {seconds}.",
            f"A number is in seconds, so write {code}. {why}",
            **facts,
        )

    return look


@pytest.fixture
def beat(app):
    """beat() starts beat with the command in the Procfile, and makes every entry due immediately.

    beat(level="") uses the log level of that command instead of INFO. Beat's messages are in beat.queue. After
    the check, all of these beat processes are stopped.
    """
    project, started = Path.cwd(), []

    def start(level="INFO"):
        service = beats.find_service(project)
        process = beats.Beat(project)
        process.start(service, app, start.queue, level)
        started.append(process)
        return process

    start.queue = queue_of(app, BEAT_DATABASE)
    start.queue.purge()
    yield start
    for process in started:
        process.stop()


@pytest.fixture
def expect_success(worker):
    """done(result, file) waits until the task has ended, and fails the check if the task failed."""

    def wait(result, file):
        until(lambda: worker.outcome(result.id, or_retry=True))
        end = worker.outcome(result.id, or_retry=True)
        if not end.startswith("succeeded"):
            name = getattr(result, "task_name", None) or "the task"
            complain(
                f"{name} failed."
                if end
                else f"{name} did not end in time. If your machine is busy, run the check again.",
                worker_says=end or worker.log.strip().splitlines()[-1],
                raised_at=worker.raised_at(result.id) or "?",
                file=file,
            )

    return wait


@pytest.fixture
def mails():
    """Call the fixture to get the emails that were sent, as [(recipients, message)].

    count() returns the number of emails, and mode("slow 1") changes how the mail server behaves.
    """
    from django.conf import settings
    from practice.modes import set_mode

    folder = settings.DATA_DIR / "mail"
    shutil.rmtree(folder, ignore_errors=True)

    def read():
        found = []
        for file in sorted(folder.glob("*.eml")):
            message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            fields = [*message.get_all("To", []), *message.get_all("Cc", [])]
            found.append(([each.addr_spec for field in fields for each in field.addresses], message))
        return found

    read.count = lambda: len(list(folder.glob("*.eml")))
    read.mode = lambda mode: set_mode("mail", mode)
    yield read
    set_mode("mail", "ok")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def in_threads():
    """together(*works) runs each function in a separate thread, and returns the exceptions.

    If `after` is the name of a table, each thread waits after its first read from this table until all
    threads have read from the table.
    """
    from django.db import connection

    def run(*works, after=None):
        errors, barrier = [], threading.Barrier(len(works))

        def one(work):
            met = []

            def meet(execute, sql, params, many, context):
                result = execute(sql, params, many, context)
                if not met and sql.startswith("SELECT") and after in sql:
                    met.append(True)
                    with contextlib.suppress(threading.BrokenBarrierError):
                        barrier.wait(2)  # one that locks the table first lets nobody read: then go on
                return result

            try:
                with connection.execute_wrapper(meet) if after else contextlib.nullcontext():
                    work()
            except Exception as error:
                errors.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=one, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return errors

    return run


@pytest.fixture
def run_between():
    """run_between(work, table, other) runs work(), and calls other() right after work() first reads
    from the table.

    other() uses a separate connection. If work() holds a lock that other() needs, work() continues after a
    second.
    """
    from django.db import connection

    def run(work, table, other):
        writer, interrupted = ConcurrentWriter(), []

        def interrupt(execute, sql, params, many, context):
            result = execute(sql, params, many, context)
            if not interrupted and sql.startswith("SELECT") and table in sql:
                interrupted.append(True)
                writer.write(other)
            return result

        with connection.execute_wrapper(interrupt):
            found = work()
        writer.join()
        return found

    return run
