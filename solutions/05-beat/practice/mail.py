"""A mail server that can fail: `manage.py mail`."""

from upkeep.mail import FileMail

from .modes import obey_mode


class PracticeMail(FileMail):
    """Writes each email, or fails or waits first: `manage.py mail` sets which."""

    def write(self, message):
        obey_mode("mail", ConnectionRefusedError("The mail server doesn't respond."))
        super().write(message)
