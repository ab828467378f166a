"""A mail server to practise on: mail becomes files in data/mail, and it can be made slow or refuse."""

import time
from email.utils import parseaddr
from uuid import uuid4

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone


def switch():
    """The file that holds the server's mode: "down", "slow 20" (seconds a mail). Without it all is well."""
    return settings.DATA_DIR / "mail-mode"


class PracticeMail(BaseEmailBackend):
    """Each mail becomes a file that mail programs open: `manage.py mail down`, `slow` and `ok` switch it."""

    def send_messages(self, messages):
        for message in messages:
            # The file is empty for a moment while somebody writes it.
            mode = (switch().read_text() if switch().exists() else "").split() or ["ok"]
            if mode[0] == "down":
                raise ConnectionRefusedError("The mail server does not answer.")
            if mode[0] == "slow":
                time.sleep(float(mode[1]))
            keep(message)
        return len(messages)


def keep(message):
    """The file has its name once it is whole: a process that is killed here leaves no half a mail."""
    folder = settings.DATA_DIR / "mail"
    folder.mkdir(exist_ok=True)
    to = parseaddr(message.recipients()[0])[1].replace("/", "-")
    file = folder / f"{timezone.now():%Y%m%d-%H%M%S}-{to}-{uuid4().hex[:8]}.eml"
    growing = file.with_suffix(".growing")
    growing.write_bytes(message.message().as_bytes(linesep="\r\n"))
    growing.rename(file)
