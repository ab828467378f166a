"""The pytest fixtures that the checks of all lessons use.

The environment variable WORKSHOP_TEMPLATES contains the path of the folder with the migrated databases that
the checks copy.
"""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from workshop.checkkit import Complaint, migrated_database, time_limits
from workshop.checkkit.celery_app import find_project_app
from workshop.checkkit.code_locations import raised_at
from workshop.checkkit.queues import isolated_queue, queue_of
from workshop.checkkit.worker import WORKER


@pytest.fixture(scope="session", autouse=True)
def project_database(django_db_blocker):
    """The project's migrated database in the run's data folder. Workers use the same database."""
    from django.core.management import call_command
    from django.db import connection

    with django_db_blocker.unblock():
        if connection.vendor == "sqlite":
            file, templates = Path(connection.settings_dict["NAME"]), Path(os.environ["WORKSHOP_TEMPLATES"])
            migrated_database.create(file, Path.cwd(), templates)
        else:
            call_command("migrate", verbosity=0, interactive=False)
        yield


@pytest.fixture(autouse=True)
def _clean(project_database):
    """After each check, delete the media files and all rows of the project's apps."""
    yield
    from django.apps import apps
    from django.conf import settings

    for config in apps.get_app_configs():
        if Path(config.path).is_relative_to(Path.cwd()):
            for model in config.get_models():
                model._base_manager.all().delete()
    shutil.rmtree(settings.MEDIA_ROOT, ignore_errors=True)


@pytest.fixture
def upload(client):
    """Return a function that uploads files with the form.

    The function takes each file as a tuple (name, content). If `follow` is true, it follows the redirect.
    """
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.urls import reverse

    def post(*files: tuple[str, bytes], follow: bool = True):
        photos = [SimpleUploadedFile(name, content) for name, content in files]
        return client.post(reverse("images:upload"), {"images": photos}, follow=follow)

    return post


@pytest.fixture
def photo():
    """Return a function that stores a photo in the database, as the form does, but without sending a task.

    The function takes the file's content and name, and returns the photo.
    """
    from django.core.files.base import ContentFile
    from images.models import UploadedImage
    from images.pictures import UnreadablePicture, open_picture

    def store(content: bytes, name: str = "garden.jpg"):
        try:
            width, height = open_picture(BytesIO(content)).size
        except UnreadablePicture:
            width, height = None, None
        return UploadedImage.objects.create(
            image=ContentFile(content, name), width=width, height=height, original_bytes=len(content)
        )

    return store


@pytest.fixture
def time_limit():
    """Return the context manager `time_limits.time_limit`, for code that should respond immediately."""
    return time_limits.time_limit


@pytest.fixture
def app():
    """The Celery app that `celery -A myproject` finds. The app must use the run's broker."""
    app = find_project_app()
    # With RabbitMQ, wait until the broker has stored the message. Redis always confirms each message.
    if "CELERY_BROKER_URL" in os.environ:
        app.conf.broker_transport_options = {**app.conf.broker_transport_options, "confirm_publish": True}
    return app


@pytest.fixture
def worker(app):
    """A real worker process that is ready for tasks. All checks in this pytest process share the worker."""
    WORKER.wait_ready()
    return WORKER


@pytest.fixture
def queue(app):
    """A queue on the real broker for messages from the check's process. No worker consumes this queue."""
    with isolated_queue(app) as queue:
        yield queue


@pytest.fixture
def worker_queue(app):
    """The queue that the worker consumes, including messages that the worker has not acknowledged."""
    queue = queue_of(app)
    yield queue
    queue.close()


@pytest.fixture
def forbid_path(monkeypatch):
    """Return a context manager that fails the check if code in its block uses the path of a stored file.

    The context manager takes one argument: the file and the function that the learner should change.
    """
    from django.core.files.storage import FileSystemStorage

    path = FileSystemStorage.path

    def path_for_storages(storage, name):
        caller = sys._getframe(1).f_locals.get("self")
        if isinstance(caller, FileSystemStorage):  # a storage class may use its own paths
            return path(storage, name)
        raise NotImplementedError("This backend doesn't support absolute paths.")

    @contextlib.contextmanager
    def forbid(file: str) -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(FileSystemStorage, "path", path_for_storages)
            try:
                yield
            except NotImplementedError as error:
                raise Complaint(
                    "the task uses the photo's .path.",
                    "A path works on only one machine: storage such as S3 has no paths, and a worker on "
                    "another machine doesn't have the file. Open the file with "
                    'photo.image.open("rb"), which works with any storage.',
                    asked_at=raised_at(error),
                    file=file,
                ) from error

    return forbid
