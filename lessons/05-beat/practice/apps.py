from django.apps import AppConfig
from django.core.checks import register


class PracticeConfig(AppConfig):
    name = "practice"

    def ready(self):
        from .checks import practice_is_off

        register(practice_is_off, deploy=True)
