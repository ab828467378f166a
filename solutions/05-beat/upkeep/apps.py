from django.apps import AppConfig
from django.core.checks import register


class UpkeepConfig(AppConfig):
    name = "upkeep"

    def ready(self):
        from .checks import check_mail_server, check_schedule, login_is_required

        register(check_schedule)
        register(check_mail_server, deploy=True)
        register(login_is_required, deploy=True)
