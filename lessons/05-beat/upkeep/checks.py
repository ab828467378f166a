"""What is wrong with the schedule is said at the start: by Django, by each worker and by beat."""

import logging

from celery import current_app
from celery.signals import beat_init, worker_ready
from django.core.checks import Error
from django.utils.module_loading import autodiscover_modules

logger = logging.getLogger(__name__)


def schedule(app_configs, **kwargs):
    """Which entries of the schedule name a task that there is not."""
    autodiscover_modules("tasks")
    tasks = current_app.tasks
    return [
        Error(
            f"CELERY_BEAT_SCHEDULE: {name!r} sends {entry.get('task')}, and there is no such task.",
            hint="A task's name is its module and its function, such as upkeep.tasks.sweep_task.",
            id="upkeep.E001",
        )
        for name, entry in (current_app.conf.beat_schedule or {}).items()
        if entry.get("task") not in tasks
    ]


@worker_ready.connect
@beat_init.connect
def say(**kwargs):
    # Celery runs Django's checks when it starts, and passes over what they find.
    for error in schedule(None):
        logger.error(error.msg)
