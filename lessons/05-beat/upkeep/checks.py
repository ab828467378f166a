"""Django's system checks of this app. A worker and beat check the schedule as well, when they start."""

import logging

from celery import current_app
from celery.signals import beat_init, worker_ready
from django.conf import settings
from django.core.checks import Error, Warning
from django.utils.module_loading import autodiscover_modules

logger = logging.getLogger(__name__)


def check_schedule(app_configs, **kwargs):
    """Return an error for each entry of the schedule whose task does not exist."""
    autodiscover_modules("tasks")
    tasks = current_app.tasks
    return [
        Error(
            f"CELERY_BEAT_SCHEDULE: {name!r} sends {entry.get('task')}, but there is no such task.",
            hint="A task's name is its module and its function, such as upkeep.tasks.sweep_task.",
            id="upkeep.E001",
        )
        for name, entry in (current_app.conf.beat_schedule or {}).items()
        if entry.get("task") not in tasks
    ]


def check_mail_server(app_configs, **kwargs):
    """Return a warning if no mail server is set even though DEBUG is off, as on a server."""
    if settings.DEBUG or settings.EMAIL_HOST:
        return []
    return [
        Warning(
            "EMAIL_HOST is not set: the reports are written to files in data/mail, and nobody gets them.",
            hint="Set EMAIL_HOST to the mail server, then restart all processes.",
            id="upkeep.W001",
        )
    ]


def login_is_required(app_configs, **kwargs):
    """Return an error if visitors need no login even though DEBUG is off, as on a server."""
    if settings.DEBUG or settings.LOGIN_REQUIRED:
        return []
    return [
        Error(
            "LOGIN_REQUIRED is off: everyone who can open the site can upload and delete photos.",
            hint="Remove LOGIN_REQUIRED from the environment or set it to 1, then restart all processes.",
            id="upkeep.E002",
        )
    ]


@worker_ready.connect
@beat_init.connect
def log_errors(**kwargs):
    # Celery runs Django's checks when it starts, but ignores the errors that they return.
    for error in check_schedule(None):
        logger.error(error.msg)
