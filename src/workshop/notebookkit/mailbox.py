"""Read the emails that the project sends to a notebook's address and stores as files."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from django.conf import settings
from IPython.display import HTML, display

from .kernel_names import unique


class Mailbox:
    """The emails to an address that only this kernel uses. The project stores its emails in `data/mail`."""

    def __init__(self) -> None:
        self.address = f"{unique('notebook')}@example.com"

    def emails(self) -> list[EmailMessage]:
        """Return the emails that were sent to this address, oldest first."""
        return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in self._files()]

    def show(self) -> None:
        """Show the newest email: its subject, its text and its HTML."""
        email = self.emails()[-1]
        print(email["Subject"], "\n")
        print(email.get_body(("plain",)).get_content())
        display(HTML(email.get_body(("html",)).get_content()))

    def clear(self) -> None:
        """Delete the emails and the `Delivery` rows for this address."""
        from upkeep.models import Delivery

        Delivery.objects.filter(email=self.address).delete()
        for file in self._files():
            file.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return sorted((settings.DATA_DIR / "mail").glob(f"*-{self.address}-*.eml"))
