"""How emails are sent: by a mail server, or as files for a site without one."""

from email.utils import parseaddr
from uuid import uuid4

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend
from django.utils import timezone


class PatientMail(EmailBackend):
    """Waits as long as RFC 5321 asks for, so that it does not give up on an email that is being accepted.

    A server may take ten minutes to accept an email. If the client gives up before that, the email may be
    accepted all the same, and a second attempt sends it twice.
    """

    accept_seconds = 600
    quit_seconds = 5

    def open(self):
        """Connect within EMAIL_TIMEOUT, because nothing can be sent twice at this point. Then be patient."""
        opened = super().open()
        self.wait_up_to(self.accept_seconds)
        return opened

    def close(self):
        """Do not wait long for a goodbye: the email is accepted, but its row does not say so yet."""
        self.wait_up_to(self.quit_seconds)
        super().close()

    def wait_up_to(self, seconds):
        """Wait up to `seconds` for each further response from the server."""
        if self.connection and self.connection.sock:
            self.connection.sock.settimeout(seconds)


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
        to = parseaddr(message.recipients()[0])[1].replace("/", "-")[:50]  # a file name has up to 255 bytes
        file = folder / f"{timezone.now():%Y%m%d-%H%M%S}-{to}-{uuid4().hex[:8]}.eml"
        partial = file.with_suffix(".partial")
        partial.write_bytes(message.message().as_bytes(linesep="\r\n"))
        partial.rename(file)
