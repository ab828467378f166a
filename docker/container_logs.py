"""What the log of a container leaves out."""

import logging


class WithoutStrangers(logging.Filter):
    """One line, and no traceback, for a request that Django refuses, such as one with a wrong Host."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.security."):
            record.exc_info = record.exc_text = None
        return True
