"""Fixtures shared by this lesson's checks."""

import contextlib
import json
import re
from io import StringIO
from pathlib import Path

import pytest
from celery import states
from django.core.management import CommandError, call_command

from workshop.checkkit import complain, expect, procfile, until
from workshop.checkkit.code_locations import raised_at
from workshop.checkkit.control import COMMAND, running_ids
from workshop.checkkit.flower import Flower
from workshop.checkkit.photo_rows import mark_resized
from workshop.checkkit.procfile import ProcfileWorkers
from workshop.checkkit.queues import isolated_queue
from workshop.checkkit.worker import node_name

PROJECT = Path.cwd()
PROCFILE_BROKER = 2
"""The number of the broker database for the Procfile's workers. The worker that the checks start uses database 0."""


@pytest.fixture
def storage():
    """Sets the mode of the storage for resized photos, for example storage("down") or storage("slow 5")."""
    from practice.modes import set_mode

    yield lambda mode: set_mode("storage", mode)
    set_mode("storage", "ok")


@pytest.fixture
def resized_photos(photo):
    """Stores a photo for each of the given file contents, marks all photos as resized, and returns them."""

    def keep(*contents):
        kept = [photo(content, f"photo-{number}.jpg") for number, content in enumerate(contents, 1)]
        for each in kept:
            mark_resized(each)
        return kept

    return keep


@pytest.fixture
def follow_states(app, worker_queue):
    """Sends a task, waits until the task has ended, and returns all of its states.

    The function `send` sends the task and accepts task_id. Each state is a dictionary with status and
    result, as published by Redis.
    """
    followed = []

    def follow(send, task_id):
        pubsub = worker_queue.redis.pubsub()
        followed.append(pubsub)
        pubsub.subscribe(app.backend.get_key_for_task(task_id))
        until(pubsub.get_message)  # the confirmation of the subscription
        send(task_id=task_id)
        entries = []

        def over():
            while message := pubsub.get_message(ignore_subscribe_messages=True):
                entries.append(json.loads(message["data"]))
            return entries and entries[-1]["status"] in states.READY_STATES

        until(over)
        return entries

    yield follow
    for pubsub in followed:
        pubsub.close()


@pytest.fixture
def post(client, time_limit):
    """Presses a button on the site and returns the response. Complains if the view fails or waits.

    The dictionary `causes` maps part of an exception's text to the cause of the exception.
    """
    from django.urls import reverse

    def press(name, causes=None, **facts):
        with time_limit(
            "the view did not respond while no worker was running.",
            "The view waits for a result. Send the tasks and respond immediately, because the page asks "
            "for the progress later.",
            **facts,
        ):
            try:
                return client.post(reverse(name))
            except Exception as error:
                text = f"{type(error).__name__}: {error}"
                complain(
                    f"the button {reverse(name)} leads to an error page.",
                    next((cause for part, cause in (causes or {}).items() if part in text), ""),
                    exception=text.splitlines()[0],
                    raised_at=raised_at(error),
                    **facts,
                )

    return press


@pytest.fixture(scope="session")
def lines():
    """The Procfile's lines, by process name."""
    return procfile.read(PROJECT)


@pytest.fixture(scope="session")
def monitor():
    flower = Flower(PROJECT)
    yield flower
    flower.stop()


@pytest.fixture(scope="session")
def all_workers():
    workers = ProcfileWorkers()
    yield workers
    workers.stop()


@pytest.fixture
def procfile_workers(app, all_workers, lines):
    """A context manager that starts the Procfile's workers with a separate broker database.

    The workers run the tasks that are sent inside the block.
    """

    @contextlib.contextmanager
    def ready():
        with isolated_queue(app, PROCFILE_BROKER, keep=all_workers.running) as queue:
            all_workers.start(procfile.workers(lines), queue)
            all_workers.wait_ready()
            yield all_workers, queue

    return ready


@pytest.fixture
def slow_exports(app, storage, worker):
    """Sends `count` slow ZIP exports, which are killed after the check."""
    from images.tasks import export_zip_task

    sent = []

    def work(count, *arguments):
        storage("slow 20")
        tasks = [export_zip_task.delay(*(arguments or ([],))) for _ in range(count)]
        sent.extend(tasks)
        until(lambda: len(running_ids(app)) >= min(count, 2))
        return tasks

    yield work
    storage("ok")
    ids = [task.id for task in sent]
    if ids:
        app.control.revoke(ids, terminate=True, signal="SIGKILL", reply=True, limit=1, timeout=5)
        until(lambda: not running_ids(app).intersection(ids))
        expect(not running_ids(app).intersection(ids), "the worker is still running tasks that were revoked.")


@pytest.fixture
def name(app, worker):
    """The name of the worker that the checks start."""
    return node_name(worker.log)


@pytest.fixture
def command(app, monkeypatch, time_limit):
    """Runs `manage.py workers` and returns its output and its error message ("" if there is none)."""
    from images.management.commands import workers

    def run(*arguments, seconds=0.3):
        shown = " ".join(["manage.py workers", *arguments])
        output = StringIO()
        limit = time_limit(
            f"`{shown}` was still running after six seconds.",
            "A query to all workers waits for the whole timeout, because Celery doesn't know how many "
            "workers will answer. Pass timeout=PATIENCE. (If your machine is very busy, run the check "
            "again.)",
            file=COMMAND,
        )
        with monkeypatch.context() as patch, limit:
            patch.setattr(workers, "PATIENCE", seconds)  # one worker on this machine answers sooner
            # After a ping the connection asks for more answers, by default for a second, before it takes the next.
            patch.setitem(app.conf.broker_transport_options, "polling_interval", 0.1)
            app._pool = app.amqp._producer_pool = None
            try:
                call_command("workers", *arguments, stdout=output, stderr=output)
            except CommandError as error:
                return output.getvalue(), str(error)
            except Exception as error:
                complain(
                    f"`{shown}` ended with a traceback.",
                    why_traceback(error),
                    exception=f"{type(error).__name__}: {error}".splitlines()[0],
                    raised_at=raised_at(error),
                    printed=output.getvalue().strip() or "nothing",
                    file=COMMAND,
                )
        return output.getvalue(), ""

    def patient(*arguments):
        """Run the command with a short timeout, and again with a longer one if the worker was slow."""
        printed, error = run(*arguments)
        nobody = re.search("No worker answers|no longer answers", error)
        silent = "@" not in printed and not error and arguments[0] != "grow"  # which must not be done twice
        return run(*arguments, seconds=2) if nobody or silent else (printed, error)

    patient.once = run
    return patient


def why_traceback(error):
    """The cause of an exception that the command raised."""
    text = str(error)
    if "NoneType" in text and ("items" in text or "iterable" in text):
        return (
            "Methods such as control.revoke() return None without reply=True. Methods of inspect() return "
            "None if no worker answers."
        )
    return ""
