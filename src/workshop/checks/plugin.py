"""The pytest plugin that runs a lesson's checks against a project and streams events.

It runs in the process that `workshop.checks.runner` starts in the project's folder, with these variables:

WORKSHOP_EVENTS: the file descriptor to which it writes events as JSON lines.
WORKSHOP_STEPS: the lesson's steps, in order.
WORKSHOP_OPTIONAL: the optional steps, whose failure does not stop the run.
WORKSHOP_ONLY: a single step to check, or empty.
WORKSHOP_ALL: 1 to continue after a failure.
WORKSHOP_FIRST: the step to check first, or empty.
WORKSHOP_CLAIMS: a folder in which the processes of a run record which checks they have claimed.
WORKSHOP_LONG: 1 to claim the checks marked as `long` first.
WORKSHOP_TEMPLATES: a folder for databases.
"""

import contextlib
import inspect
import os
import shutil
import signal
import sys
from collections import defaultdict
from collections.abc import Iterator
from io import BytesIO
from itertools import chain, pairwise
from pathlib import Path

import pytest

from workshop.checkkit import Complaint
from workshop.checkkit.queues import queue_of
from workshop.checkkit.worker import WORKER, isolated_queue, raised_at
from workshop.checks.events import (
    Began,
    Checked,
    Collected,
    Event,
    Explanation,
    Finished,
    PartDone,
    Skipped,
    WorkerReady,
    encode,
)
from workshop.checks.lane_database import migrated

STEPS = os.environ["WORKSHOP_STEPS"].split()
OPTIONAL = os.environ["WORKSHOP_OPTIONAL"].split()
ONLY = os.environ.get("WORKSHOP_ONLY", "")
GO_ON = os.environ.get("WORKSHOP_ALL") == "1"
FIRST = os.environ.get("WORKSHOP_FIRST", "")
LONG_FIRST = os.environ.get("WORKSHOP_LONG") == "1"
CLAIMS, TEMPLATES = (Path(os.environ[name]) for name in ("WORKSHOP_CLAIMS", "WORKSHOP_TEMPLATES"))
PROJECT = Path.cwd()
FAILED: dict[str, int] = {}
"""The steps that have failed, with the position of the failed check."""
PLACE = pytest.StashKey[int]()
"""The position of a check in the lesson."""

HELD = 6
"""Seconds after which a view that should respond immediately counts as waiting for something."""

_events = os.fdopen(int(os.environ["WORKSHOP_EVENTS"]), "w", buffering=1)


def emit(event: Event) -> None:
    _events.write(encode(event) + "\n")


def step_of(item: pytest.Item) -> str:
    """Return the step that a check belongs to; "given" for the checks of earlier lessons."""
    marker = item.get_closest_marker("step")
    step = marker.args[0] if marker else "given"
    return step if step in STEPS else "given"


def part_of(item: pytest.Item) -> str:
    """Return the part of the lesson that a check belongs to. A part is all checks of a step in one file."""
    return f"{step_of(item)} {item.nodeid.partition('::')[0]}"


def claim_of(item: pytest.Item) -> str:
    """Return the unit that one process claims: a part, with the checks marked as `beside` its step."""
    marker = item.get_closest_marker("beside")
    step = marker.args[0] if marker else step_of(item)
    return step if step in STEPS else part_of(item)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests():
    """Load the settings before pytest-django does, because it replaces the traceback of an ImportError."""
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    with contextlib.suppress(ImproperlyConfigured):  # pytest-django passes this sentence on
        _ = settings.DATABASES


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    order = {step: number for number, step in enumerate([*STEPS, "given"], 1)} | {FIRST: 0}
    chosen = [item for item in items if not ONLY or step_of(item) == ONLY]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = sorted(chosen, key=lambda item: order[step_of(item)])
    for place, item in enumerate(items):
        item.stash[PLACE] = place
    steps, parts = (list(dict.fromkeys(map(of, items))) for of in (step_of, part_of))
    emit(Collected(steps=steps, parts=parts))


def claimed(items: list[pytest.Item]) -> Iterator[pytest.Item]:
    """Claim and yield the checks that no other process has claimed, one unit at a time."""
    claims = defaultdict(list)
    for item in items:
        claims[claim_of(item)].append(item)
    numbered = list(enumerate(claims.values()))
    if LONG_FIRST:
        numbered.sort(key=lambda claim: not claim[1][0].get_closest_marker("long"))
    for number, mine in numbered:
        if not _matters(mine[0]):
            continue
        with contextlib.suppress(FileExistsError):
            (CLAIMS / str(number)).touch(exist_ok=False)
            if any("worker" in item.fixturenames for item in mine):
                WORKER.start()  # the worker starts while the previous check finishes
            yield from mine


def _matters(item: pytest.Item) -> bool:
    """Return True if the check can still change the report, which ends with the first failure.

    A failure earlier in the lesson replaces a later one that this process has already found.
    """
    ends = [place for step, place in FAILED.items() if step not in OPTIONAL]
    return GO_ON or item.stash[PLACE] < min(ends, default=len(item.session.items))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    """Run the checks that this process claims.

    Looks one check ahead, so that pytest keeps shared fixtures.
    """
    if session.testsfailed:
        raise session.Interrupted("the checks cannot be loaded")
    for item, following in pairwise(chain(claimed(session.items), [None])):
        emit(Began(part=part_of(item), about=_about(item)))
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        if following is None or part_of(following) != part_of(item):
            emit(PartDone(part=part_of(item)))
    return True


def pytest_sessionstart():
    """Load the whole project, so that import errors are reported before any check runs."""
    from django.core import checks

    serious = [error for error in checks.run_checks() if error.is_serious()]
    if serious:
        raise SystemExit(" ".join(_sentence(error) for error in serious))


def _sentence(error) -> str:
    return " ".join(part for part in (str(error.obj or ""), error.msg, error.hint or "") if part)


def pytest_runtest_setup(item):
    if not _matters(item) or item.stash[PLACE] > FAILED.get(step_of(item), item.stash[PLACE]):
        pytest.skip("this step or an earlier step has already failed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.skipped and _matters(item) and step_of(item) not in FAILED:
        why = report.longrepr[2].removeprefix("Skipped: ")
        emit(Skipped(step=step_of(item), part=part_of(item), about=_about(item), why=why))
    if report.skipped:
        return report
    if report.when != "call" and not report.failed:
        return report
    step, failure = step_of(item), None
    if report.failed:
        FAILED[step] = min(item.stash[PLACE], FAILED.get(step, item.stash[PLACE]))
        failure = _explanation(call.excinfo.value)
    printed = report.capstdout.strip().splitlines()[-8:] if failure else []
    emit(Checked(step=step, part=part_of(item), about=_about(item), failure=failure, printed=printed))
    if report.failed and "worker" in item.fixturenames:
        WORKER.stop()  # a transaction that is left open must not affect the next check
    return report


def pytest_sessionfinish():
    WORKER.stop()
    emit(Finished())


def _about(item: pytest.Item) -> str:
    return " ".join(inspect.cleandoc(item.function.__doc__ or item.name).split())


def _explanation(error: BaseException) -> Explanation:
    if isinstance(error, Complaint):
        return Explanation(what=error.what, why=error.why, facts=error.facts)
    message = f"{type(error).__name__}: {error}".strip().removesuffix(":").splitlines()[0]
    facts = {}
    if place := raised_at(error):
        facts["raised at"] = place
    return Explanation(what=message, why=_why(error), facts=facts, unexpected=True)


def _why(error: BaseException) -> str:
    """Return how to fix an exception whose cause is clear without knowing the step; otherwise ""."""
    if isinstance(error, NameError) and error.name and not isinstance(error, UnboundLocalError):
        return (
            f"This file doesn't define the name {error.name}. Is an import missing, or is the name "
            f"misspelled?"
        )
    if type(error).__name__ == "IntegrityError" and "check constraint" in str(error).lower():
        return (
            "The columns of a photo contradict each other, so the database refuses the row (see the "
            "constraints in images/models.py). Call photo.attach_resized(), which writes all columns of a "
            "resized photo at the same time."
        )
    if str(error) == "on_commit()'s callback must be a callable.":
        return (
            "on_commit() takes a function and calls it later. If you write parentheses after the function's "
            "name, the function is called immediately, and on_commit() gets its return value."
        )
    return ""


WORKER.ready = lambda seconds: emit(WorkerReady(seconds=seconds))
if os.environ["WORKSHOP_WORKER"]:
    WORKER.start()  # the worker starts while this process loads the project and collects the checks


@pytest.fixture(scope="session", autouse=True)
def _database(django_db_blocker):
    """The project's migrated database in the run's data folder. Workers use the same database."""
    from django.core.management import call_command
    from django.db import connection

    with django_db_blocker.unblock():
        if connection.vendor == "sqlite":
            migrated(Path(connection.settings_dict["NAME"]), PROJECT, TEMPLATES)
        else:
            call_command("migrate", verbosity=0, interactive=False)
        yield


@pytest.fixture(autouse=True)
def _clean(_database):
    """Remove the rows of the project's apps, and the files, before each check."""
    yield
    from django.apps import apps
    from django.conf import settings

    for config in apps.get_app_configs():
        if Path(config.path).is_relative_to(PROJECT):
            for model in config.get_models():
                model._base_manager.all().delete()
    shutil.rmtree(settings.MEDIA_ROOT, ignore_errors=True)


@pytest.fixture
def upload(client):
    """upload(name=content, …) or upload(("name.jpg", content), …) posts photos and follows the redirect."""
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.urls import reverse

    def post(*files: tuple[str, bytes], follow: bool = True):
        photos = [SimpleUploadedFile(name, content) for name, content in files]
        return client.post(reverse("images:upload"), {"images": photos}, follow=follow)

    return post


@pytest.fixture
def photo():
    """photo(content, name) stores an uploaded photo in the database, as the form does, and sends no task."""
    from django.core.files.base import ContentFile
    from images.models import UploadedImage
    from images.pictures import UnreadablePicture, open_picture

    def keep(content: bytes, name: str = "garden.jpg"):
        try:
            width, height = open_picture(BytesIO(content)).size
        except UnreadablePicture:
            width, height = None, None
        return UploadedImage.objects.create(
            image=ContentFile(content, name), width=width, height=height, original_bytes=len(content)
        )

    return keep


@pytest.fixture
def patience():
    """with patience(what, why, …): interrupts the block and complains if it takes too long."""

    @contextlib.contextmanager
    def limited(what: str, why: str = "", **facts: object):
        def give_up(*_signal_and_frame):
            raise Complaint(what, why, **facts)

        before = signal.signal(signal.SIGALRM, give_up)
        signal.alarm(HELD)
        try:
            yield
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)

    return limited


@pytest.fixture
def resized():
    """resized(content) calls the project's resize() and opens the result: (Resized, picture).

    name: the name of the file object, as an uploaded file has one.
    """
    from images.resizing import resize
    from PIL import Image

    def call(content: bytes, name: str = "", **box: int):
        file = BytesIO(content)
        if name:
            file.name = name
        result = resize(file, **box)
        picture = Image.open(BytesIO(result.content))
        picture.load()
        return result, picture

    return call


@pytest.fixture
def app():
    """The project's Celery app, as `celery -A myproject` finds it, with the run's broker."""
    from workshop.checkkit.worker import app_of_the_project

    app = app_of_the_project()
    # For RabbitMQ: wait until a message is stored. Redis confirms each message anyway.
    if "CELERY_BROKER_URL" in os.environ:
        app.conf.broker_transport_options = {**app.conf.broker_transport_options, "confirm_publish": True}
    return app


@pytest.fixture
def worker(app):
    """A real worker process of the project, ready for tasks. The whole run shares it."""
    WORKER.wait_ready()
    return WORKER


@pytest.fixture
def queue(app):
    """A queue on the real broker for messages that the check's process sends. No worker consumes it."""
    with isolated_queue(app) as queue:
        yield queue


@pytest.fixture
def delivered(app):
    """The queue that the worker consumes, with the messages that it has not acknowledged."""
    queue = queue_of(app)
    yield queue
    queue.close()


@pytest.fixture
def no_path(monkeypatch):
    """with no_path(file): complains if the block uses a stored file's path."""
    from django.core.files.storage import FileSystemStorage

    path = FileSystemStorage.path

    def guarded(storage, name):
        if isinstance(
            sys._getframe(1).f_locals.get("self"), FileSystemStorage
        ):  # defined by the storage class itself
            return path(storage, name)
        raise NotImplementedError("This backend doesn't support absolute paths.")

    @contextlib.contextmanager
    def guard(file: str):
        with monkeypatch.context() as patch:
            patch.setattr(FileSystemStorage, "path", guarded)
            try:
                yield
            except NotImplementedError as error:
                raise Complaint(
                    "the task uses the photo's .path.",
                    "A path works on only one machine: storage such as S3 has no paths, and a worker on "
                    "another machine doesn't have the file. Open the file with "
                    'photo.image.open("rb"), which works with any storage.',
                    asked_at=raised_at(error) or "?",
                    file=file,
                ) from error

    return guard
