"""Emails as files, for a site without a mail server."""

from email.utils import parseaddr
from uuid import uuid4

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone


class FileMail(BaseEmailBackend):
    """Writes each email to a file in data/mail that email programs open."""

    def send_messages(self, messages):
        for message in messages:
            self.write(message)
        return len(messages)

    def write(self, message):
        """Write a temporary file and then rename it, so that a killed process leaves no half email."""
        folder = settings.DATA_DIR / "mail"
        folder.mkdir(exist_ok=True)
        to = parseaddr(message.recipients()[0])[1].replace("/", "-")
        file = folder / f"{timezone.now():%Y%m%d-%H%M%S}-{to}-{uuid4().hex[:8]}.eml"
        partial = file.with_suffix(".partial")
        partial.write_bytes(message.message().as_bytes(linesep="\r\n"))
        partial.rename(file)
