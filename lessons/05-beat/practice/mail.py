"""A mail server that can fail: `manage.py mail`."""

from upkeep.mail import FileMail

from .modes import obey_mode


class PracticeMail(FileMail):
    """Writes each email as `manage.py mail` says."""

    def write(self, message):
        obey_mode("mail", ConnectionRefusedError("The mail server does not answer."))
        super().write(message)
