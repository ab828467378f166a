"""Produces the error messages of the troubleshooting page with the installed packages.

Start a separate broker, because this script changes the broker's settings, then run: python messages.py

The script prints one line for each exception: the last line of its traceback. The script replaces the
broker's port with 6379, and parts that vary with three dots.
"""

import asyncio
import io
import os
import re
import socket
import sqlite3
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

import django
import redis
from celery import Celery, shared_task
from celery.app.utils import find_app
from celery.result import AsyncResult, allow_join_result, denied_join_result
from celery.schedules import crontab
from django.conf import settings
from kombu import Queue, serialization
from PIL import Image

URL = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
QUICK = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1}
MESSAGES = []


def message(function):
    MESSAGES.append(function)
    return function


def app_with(broker="memory://", backend="cache+memory://", **options):
    """Return a new app and one of its tasks."""
    app = Celery("messages", broker=broker, backend=backend, set_as_current=False)
    app.conf.update(options)

    @app.task(name="messages.work", shared=False)
    def work(image_id):
        pass

    return app, work


def nobody():
    """Return an address with a port on which no server listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"redis://localhost:{found.getsockname()[1]}/0"


class UploadedImage:
    pass


@message
def no_backend():
    return AsyncResult("an-id", app=app_with(backend=None)[0]).state


@message
def an_object_as_argument():
    app_with()[1].delay(UploadedImage())


@message
def options_in_delay():
    app_with()[1].delay(7, countdown=10)


@message
def no_argument():
    app_with()[1].delay()


@message
def no_tuple():
    app_with()[1].apply_async(7)  # (7) is a number, but (7,) is a tuple


@message
def get_inside_a_task():
    with denied_join_result():
        app_with()[1].AsyncResult("an-id").get()


@message
def nobody_answers():
    with allow_join_result():
        app_with()[1].AsyncResult("an-id").get(timeout=0.1)


@message
def misspelt_queue_in_apply_async():
    app, work = app_with(task_queues=[Queue("celery")], task_create_missing_queues=False)
    work.apply_async((7,), queue="slwo")


@message
def misspelt_queue_of_a_worker():
    app, _ = app_with(task_queues=[Queue("celery")], task_create_missing_queues=False)
    app.Worker(queues=["slwo"])


@message
def broker_is_down():
    app, work = app_with(broker=nobody(), task_publish_retry_policy=QUICK)
    work.apply_async((7,), ignore_result=True)


@message
def broker_and_backend_are_down():
    url = nobody()
    policy = {"retry_policy": {"max_retries": 1, "timeout": 0.5}}
    app_with(broker=url, backend=url, result_backend_transport_options=policy)[1].delay(7)


@message
def no_app_of_the_project():
    @shared_task(name="messages.shared")
    def shared(image_id):
        pass

    Celery("default")  # the app that Celery creates if no app was loaded
    shared.apply_async((7,), retry=False)


@message
def one_name_twice():
    app, work = app_with()

    def other(image_id):
        pass

    with warnings.catch_warnings(action="error"):
        str(app.task(other, name=work.name, shared=False))  # Celery creates a task when it is first used


@message
def unknown_task():
    app_with()[0].tasks["images.tasks.gone"]


@message
def limits_the_wrong_way_round():
    app, _ = app_with()

    @app.task(name="messages.limited", shared=False, soft_time_limit=45, time_limit=30)
    def limited(image_id):
        pass

    limited.delay(7)


@message
def result_of_an_async_task():
    """Celery calls the function and tries to store the coroutine as the result."""

    async def work(image_id):
        pass

    coroutine = work(7)
    try:
        serialization.dumps(coroutine, serializer="json")
    finally:
        coroutine.close()


@message
def pickle_refused():
    serialization.loads(b"", "application/x-python-serialize", "binary", accept=["application/json"])


@message
def old_and_new_names():
    app, _ = app_with()
    app.conf.update(CELERY_RESULT_BACKEND="redis://", result_expires=60)
    app.finalize()
    with app.pool.acquire():
        pass


@message
def retries_used_up():
    app, _ = app_with()

    @app.task(name="messages.again", bind=True, max_retries=0)
    def again(self, image_id):
        self.retry()

    again.apply((7,)).get()


@message
def hour_24():
    crontab(hour=24)


@message
def package_without_app():
    folder = Path(tempfile.mkdtemp())
    (folder / "emptyproject").mkdir()
    (folder / "emptyproject" / "__init__.py").touch()
    sys.path.insert(0, str(folder))
    find_app("emptyproject")


@message
def wrong_folder():
    find_app("myproject")


@message
def settings_are_not_named():
    return settings.INSTALLED_APPS


@message
def models_before_django():
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    )
    from django.contrib.contenttypes.models import ContentType

    return ContentType


@message
def no_migration():
    django.setup()
    from django.contrib.contenttypes.models import ContentType

    ContentType.objects.count()


@message
def orm_in_an_event_loop():
    from django.contrib.contenttypes.models import ContentType

    async def notebook():
        ContentType.objects.count()

    asyncio.run(notebook())


@message
def no_row():
    from django.contrib.contenttypes.models import ContentType
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    ContentType.objects.get(pk=0)


@message
def two_writers():
    file = Path(tempfile.mkdtemp()) / "db.sqlite3"
    first, second = (sqlite3.connect(file, timeout=0, isolation_level=None) for _ in range(2))
    first.execute("BEGIN IMMEDIATE")
    second.execute("BEGIN IMMEDIATE")


@message
def no_picture():
    Image.open(io.BytesIO(b"no picture"))


@message
def transparent_jpeg():
    Image.new("RGBA", (1, 1)).save(io.BytesIO(), "JPEG")


@message
def quality_none():
    Image.new("RGB", (1, 1)).save(io.BytesIO(), "WEBP", quality=None)


def on_the_broker(name, value):
    """Send a task while the broker's setting `name` has the value `value`."""
    admin = redis.Redis.from_url(URL)
    before = admin.config_get(name)[name]
    admin.config_set(name, value)
    try:
        app_with(broker=URL, task_publish_retry_policy=QUICK)[1].apply_async((7,), ignore_result=True)
    finally:
        admin.config_set(name, before)


@message
def broker_is_full():
    on_the_broker("maxmemory", "1")


@message
def broker_wants_a_password():
    on_the_broker("requirepass", "secret")


@message
def broker_is_a_replica():
    admin = redis.Redis.from_url(URL)
    admin.execute_command("REPLICAOF", "localhost", "1")
    try:
        app_with(broker=URL, task_publish_retry_policy=QUICK)[1].apply_async((7,), ignore_result=True)
    finally:
        admin.execute_command("REPLICAOF", "NO", "ONE")


def raised(function):
    """Return the exception that `function` raises, as the last line of a traceback shows it."""
    try:
        function()
    except BaseException as error:
        said = " ".join("".join(traceback.format_exception_only(error)).split())
        said = "".join(filter(str.isprintable, said))  # Kombu's keys contain control characters
        said = re.sub(r"localhost:\d+", "localhost:6379", said)
        return re.sub(r"0x[0-9a-f]+|[0-9a-f]{8}-[0-9a-f-]{27}", "…", said)
    raise SystemExit(f"{function.__name__} raised nothing.")


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the warning that root should not run a worker
    for each in MESSAGES:
        print(raised(each), flush=True)
