"""Find the project's Celery app, check its settings' names, and make it send messages to another broker."""

import contextlib
import os
from collections.abc import Iterator

from workshop.checkkit import Complaint
from workshop.runtime import diagnosis


def find_project_app():
    """Return the Celery app that `celery -A myproject` finds.

    Raises:
        Complaint: There is no app, or the app uses eager mode or another broker.
    """
    from celery.app.utils import find_app

    try:
        app = find_app("myproject")
    except (ImportError, AttributeError) as error:
        found = str(error) if isinstance(error, ImportError) else "the module contains no Celery(…)"
        advice = 'Create the app in myproject/celery.py: app = Celery("myproject").'
        raise Complaint(
            "there is no Celery app yet.",
            diagnosis.advice(str(error)) or advice,
            found=found,
            file="myproject/celery.py",
        ) from error
    if app.conf.task_always_eager:
        raise Complaint(
            "eager mode is on, so tasks run inside the web process and no message is sent.",
            setting="CELERY_TASK_ALWAYS_EAGER",
            why="Remove this setting. Eager mode skips the broker, the worker and JSON, so it hides "
            "everything that can go wrong there.",
        )
    # Read the settings, because the environment variable CELERY_BROKER_URL would take precedence over them.
    expected, found = os.environ["REDIS_URL"], app.conf.first("broker_url", "broker_host")
    if found != expected:
        raise Complaint(
            "the app does not use the broker at REDIS_URL.",
            expected=expected,
            found=found or "no address is set, so Celery uses amqp://guest@localhost",
            why=_why_another_broker(expected, found),
        )
    return app


def _why_another_broker(expected: str, found: str | None) -> str:
    from django.conf import settings

    names = [name for name in dir(settings) if "BROKER" in name]
    if found:
        return (
            "Set CELERY_BROKER_URL to the value of REDIS_URL. The broker's address differs from machine to "
            "machine, and these checks start their own broker."
        )
    if not names:
        return (
            "Set CELERY_BROKER_URL to the value of REDIS_URL, and let the app read the settings with "
            'namespace="CELERY".'
        )
    if getattr(settings, "CELERY_BROKER_URL", None) == expected:
        return (
            "CELERY_BROKER_URL is set, but the app does not read it. Pass "
            'namespace="CELERY" to config_from_object(), as a keyword argument and in capital letters.'
        )
    return (
        f"Your settings contain {', '.join(names)}. Celery's broker_url setting is named CELERY_BROKER_URL "
        'with namespace="CELERY".'
    )


def ignored_settings(*parts: str) -> dict[str, str]:
    """Find settings that Celery ignores because it doesn't recognize their names.

    Args:
        *parts: Lowercase words. The function looks only at settings whose names contain one of them.

    Returns:
        The names as a fact for `expect`, {"Celery_ignores": names}, or {} if there are no such settings.
    """
    from celery.app import defaults
    from django.conf import settings

    options = dict(defaults.flatten(defaults.NAMESPACES))
    # Names from before Celery 4, such as CELERY_SEND_EVENTS: Celery still reads them.
    old = {name for option in options.values() for name in option.old}

    def is_read(name: str) -> bool:
        bare = name.removeprefix("CELERY_").lower()
        return (name.startswith("CELERY_") and (bare in options or bare in old)) or name.lower() in old

    names = [name for name in dir(settings) if name.isupper() and any(part in name.lower() for part in parts)]
    found = [name for name in names if not is_read(name)]
    return {"Celery_ignores": ", ".join(found)} if found else {}


def expect_known_settings(*parts: str, expected: str, file: str) -> None:
    """Fail the check if Celery doesn't recognize a setting whose name starts with CELERY_.

    Args:
        *parts: Lowercase words. The function looks only at settings whose names contain one of them.
        expected: The correct names.
        file: The settings file.
    """
    ignored = ignored_settings(*parts).get("Celery_ignores", "").split(", ")
    # Without the prefix, a name may be a variable of the learner.
    if names := [name for name in ignored if name.startswith("CELERY_")]:
        raise Complaint(
            "Celery ignores a setting because it does not recognize the setting's name. Check the spelling.",
            expected=expected,
            found=", ".join(names),
            file=file,
        )


@contextlib.contextmanager
def sending_to(app, url: str) -> Iterator[None]:
    """Send this process's messages to the broker at `url` during the `with` block. The broker may be down."""
    before = app.conf.broker_write_url or app.conf.broker_url
    _send_to(app, url)
    try:
        yield
    finally:
        _send_to(app, before)


def _send_to(app, url: str) -> None:
    app.conf.broker_write_url = url
    app._pool = app.amqp._producer_pool = None  # the old pools are connected to the other broker
