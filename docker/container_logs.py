"""A filter that shortens the logs of a container."""

import logging


class WithoutStrangers(logging.Filter):
    """Log a request that Django rejects, such as one with a wrong Host header, without a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.security."):
            record.exc_info = record.exc_text = None
        return True
