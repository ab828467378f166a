"""What `manage.py check --deploy` says about this app."""

from django.conf import settings
from django.core.checks import Error


def practice_is_off(app_configs, **kwargs):
    """An error where the app is installed although DEBUG is off: that is a server, not a practice site."""
    if settings.DEBUG:
        return []
    return [
        Error(
            "The app practice is installed although DEBUG is off. It makes services fail on purpose.",
            hint="Set PRACTICE=0 or remove PRACTICE from the environment, then restart all processes.",
            id="practice.E001",
        )
    ]
