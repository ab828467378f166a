"""What the checks of this lesson share."""

import contextlib
import json
import re
from pathlib import Path

import pytest
from celery import states
from celery.app import defaults

from workshop.checkkit import Complaint, complain, expect, procfile, until
from workshop.checkkit.flower import Flower
from workshop.checkkit.procfile import Crew
from workshop.checkkit.rows import finish
from workshop.checkkit.worker import aside, raised_at

PROJECT = Path.cwd()
CREW = 2
"""The database of the broker that the Procfile's workers take from. The run's own worker takes from 0."""


@pytest.fixture
def storage():
    """storage("down"), storage("slow 5"), storage("ok"): how the storage of the resized photos behaves."""
    from practice.modes import set_mode

    yield lambda mode: set_mode("storage", mode)
    set_mode("storage", "ok")


@pytest.fixture
def resized_photos(photo):
    """resized_photos(content, …) keeps photos that are resized, and returns them."""

    def keep(*contents):
        kept = [photo(content, f"photo-{number}.jpg") for number, content in enumerate(contents, 1)]
        for each in kept:
            finish(each)
        return kept

    return keep


@pytest.fixture
def ended(worker):
    """ended(task_id) is the worker's line about the task's end, "" while there is none."""

    def line(task_id):
        end = re.search(rf"\[{task_id}\] ((?:succeeded|raised).*)", worker.log)
        return end[1] if end else ""

    return line


@pytest.fixture
def told(app, delivered):
    """told(send) sends a task, waits for its end and lists all that the result backend was told meanwhile.

    send(task_id=…) sends it. Each entry is a dictionary with status and result, read from the broker.
    """
    followed = []

    def follow(send, task_id):
        pubsub = delivered.redis.pubsub()
        followed.append(pubsub)
        pubsub.subscribe(app.backend.get_key_for_task(task_id))
        until(pubsub.get_message)  # that the subscription holds
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
def misspelt():
    """misspelt("event", "track") lists settings with such a part that Celery does not read."""
    from django.conf import settings

    options = dict(defaults.flatten(defaults.NAMESPACES))
    # Names from before Celery 4, such as CELERY_SEND_EVENTS: they are still read.
    old = {name for option in options.values() for name in option.old}

    def find(*parts):
        found = []
        for name in dir(settings):
            bare = name.removeprefix("CELERY_").lower()
            if not name.isupper() or not any(part in bare for part in parts):
                continue
            prefixed = name.startswith("CELERY_") and (bare in options or bare in old)
            if not prefixed and name.lower() not in old:
                found.append(name)
        return ", ".join(found) or "none"

    return find


@pytest.fixture
def post(client, patience):
    """post(name) presses a button of the site and returns the answer. Complains when the view fails or waits."""
    from django.urls import reverse

    def press(name, why="", **facts):
        with patience(
            "the view did not answer while no worker took the task.",
            "It waits for a result. Send the tasks and answer: the page asks by itself how far they are.",
            **facts,
        ):
            try:
                return client.post(reverse(name))
            except Complaint:
                raise
            except Exception as error:
                complain(
                    f"the button {reverse(name)} ends in an error page.",
                    why,
                    exception=f"{type(error).__name__}: {error}".splitlines()[0],
                    raised_at=raised_at(error) or "?",
                    **facts,
                )

    return press


@pytest.fixture(scope="session")
def lines():
    """The lines of the Procfile, by the name of the process."""
    return procfile.read(PROJECT)


@pytest.fixture(scope="session")
def monitor():
    flower = Flower(PROJECT)
    yield flower
    flower.stop()


@pytest.fixture(scope="session")
def all_workers():
    crew = Crew(PROJECT)
    yield crew
    crew.stop()


@pytest.fixture
def crew(app, all_workers, lines):
    """with crew() as (crew, queue): the Procfile's workers, ready, with a broker's database of their own.

    Tasks that are sent inside the block go to them.
    """

    @contextlib.contextmanager
    def ready():
        with aside(app, CREW, keep=all_workers.running) as queue:
            all_workers.start(procfile.workers(lines), queue)
            all_workers.wait_ready()
            yield all_workers, queue

    return ready


@pytest.fixture
def busy(app, storage, worker):
    """busy(task, count) sends so many tasks that take a long time for a photo; they are ended with the check."""
    from images.tasks import export_zip_task

    sent = []

    def work(count, *arguments):
        storage("slow 20")
        tasks = [export_zip_task.delay(*(arguments or ([],))) for _ in range(count)]
        sent.extend(tasks)
        until(lambda: at_work(app) >= min(count, 2))
        return tasks

    yield work
    storage("ok")
    ids = [task.id for task in sent]
    if ids:
        app.control.revoke(ids, terminate=True, signal="SIGKILL", reply=True, limit=1, timeout=5)
        until(lambda: not at_work(app, ids))
        expect(not at_work(app, ids), "the worker is still at tasks that were called off.")


def at_work(app, ids=None):
    """How many tasks (of those with the ids) the workers have begun."""
    replies = app.control.broadcast("active", reply=True, limit=1, timeout=5) or []
    tasks = [each for reply in replies for found in reply.values() for each in found]
    return sum(1 for each in tasks if ids is None or each["id"] in ids)
