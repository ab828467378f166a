from celery import current_app
from django.conf import settings
from django.core.checks import Error
from django.utils.module_loading import autodiscover_modules


def schedule(app_configs, **kwargs):
    """Which entries of the schedule name a task that there is not. Django and workers ask at their start."""
    autodiscover_modules("tasks")
    return [
        Error(
            f"CELERY_BEAT_SCHEDULE: {name!r} sends {entry['task']}, and there is no such task.",
            hint="A task's name is its module and its function, such as upkeep.tasks.sweep_task.",
            id="upkeep.E001",
        )
        for name, entry in settings.CELERY_BEAT_SCHEDULE.items()
        if entry["task"] not in current_app.tasks
    ]
