"""Filter the log of a container."""

import logging


class WithoutStrangers(logging.Filter):
    """Logs one line without a traceback for a request that Django rejects, such as one with a wrong Host."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.security."):
            record.exc_info = record.exc_text = None
        return True
