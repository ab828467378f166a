"""The system check of this app, which `manage.py check --deploy` runs."""

from django.conf import settings
from django.core.checks import Error


def practice_is_off(app_configs, **kwargs):
    """Return an error if the app is installed even though DEBUG is off, as on a server."""
    if settings.DEBUG:
        return []
    return [
        Error(
            "The practice app is installed even though DEBUG is off. It makes services fail on purpose.",
            hint="Set PRACTICE=0 or remove PRACTICE from the environment, then restart all processes.",
            id="practice.E001",
        )
    ]
