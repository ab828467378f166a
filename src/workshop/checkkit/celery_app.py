"""Find the project's Celery app and the settings that it ignores, and make the app use another broker."""

import contextlib
import os
from collections.abc import Iterator
from difflib import get_close_matches

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

    if found:
        return (
            "Set CELERY_BROKER_URL to the value of REDIS_URL. The broker's address differs from machine to "
            "machine, and these checks start their own broker."
        )
    if getattr(settings, "CELERY_BROKER_URL", None) == expected:
        return (
            "CELERY_BROKER_URL is set, but the app does not read it. Pass "
            'namespace="CELERY" to config_from_object(), as a keyword argument and in capital letters.'
        )
    return why_ignored("broker_url") or (
        "Set CELERY_BROKER_URL to the value of REDIS_URL, and let the app read the settings with "
        'namespace="CELERY".'
    )


def why_ignored(option: str) -> str:
    """Return advice about naming Celery's setting `option`, or "" if Celery doesn't ignore any setting."""
    names = ", ".join(ignored_settings())
    named = f'With namespace="CELERY", the setting {option} is named CELERY_{option.upper()}.'
    return f"Celery ignores {names}. {named}" if names else ""


def ignored_settings() -> list[str]:
    """Return the Django settings that are meant for Celery but ignored because of their names.

    These are settings that start with CELERY_, and settings without this prefix whose names are similar to
    the names of Celery's settings.
    """
    from celery.app import defaults  # lesson 01 doesn't need Celery
    from django.conf import global_settings, settings

    options = dict(defaults.flatten(defaults.NAMESPACES))
    # Names from before Celery 4, such as CELERY_SEND_EVENTS: Celery still reads them.
    old = {name for option in options.values() for name in option.old}

    def is_ignored(name: str) -> bool:
        bare = name.lower()
        if not name.isupper() or bare in old or hasattr(global_settings, name):
            return False
        if bare.startswith("celery_"):
            return bare.removeprefix("celery_") not in {*options, *old}
        return bool(get_close_matches(bare, options, n=1, cutoff=0.9))

    return [name for name in dir(settings) if is_ignored(name)]


def expect_known_settings(*parts: str, expected: str, file: str) -> None:
    """Fail the check if Celery doesn't recognize a setting whose name starts with CELERY_.

    Args:
        *parts: Lowercase words. Only settings whose names contain one of these words are checked.
        expected: The correct names.
        file: The settings file.
    """
    # Without the prefix, a name may be one of the learner's own variables.
    ignored = [name for name in ignored_settings() if name.startswith("CELERY_")]
    if names := [name for name in ignored if any(part in name.lower() for part in parts)]:
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
