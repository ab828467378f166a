"""Filter a process's startup output: print all lines at the first start, but only new lines later."""

import re
import time
from collections.abc import Callable

from honcho.printer import Message

QUIET_SECONDS = 0.5
"""A start is complete once the process has printed nothing for this many seconds."""
HOLD_SECONDS = 30
"""The longest time that lines are held back, in seconds."""
_TIMES = re.compile(r"0x[0-9a-f]+|(?:\d{4}-\d\d-\d\d|\w+ \d+, \d{4} -|\d{6}) \d\d:\d\d:\d\d(?:,\d+)?")
"""Text that differs between starts: memory addresses, dates and times."""
_CHATTER = re.compile(r"\s*$|worker: (?:Warm|Cold) shutdown|.*: INFO/MainProcess\] mingle: ")
"""Lines that a process prints when it restarts and that don't help a learner."""
_WARNING = re.compile(r"\b(?!SecurityWarning)\w+Warning: |^WARNINGS:")


class Startup:
    """Passes a process's output on to the terminal, line by line.

    Between `hold()` and `release()`, the lines are held back. Therefore, the terminal shows only a single
    line for a restart.

    Args:
        write: The function that prints a line.
    """

    def __init__(self, write: Callable[[Message], None]):
        self._write = write
        self._first_start: set[str] = set()
        self._started = False
        self._held: list[Message] | None = None
        self._held_since = 0.0

    def line(self, message: Message) -> None:
        """Print a line, or hold it back."""
        if self._held is not None:
            self._held.append(message)
            return
        self._write(message)
        if not self._started:
            self._first_start.add(_normalized(message))

    def hold(self) -> None:
        """Hold back the lines that follow. The lines of the first start are never held back."""
        if self._started:
            self._held, self._held_since = self._held or [], time.monotonic()

    def release_if_overdue(self) -> None:
        """Print lines that have been held back too long. The process may be waiting in a debugger."""
        if self._held and time.monotonic() - self._held_since > HOLD_SECONDS:
            self.release()

    def complete(self) -> str:
        """Record that the process has started, and print the lines that the first start did not print.

        Returns:
            A remark that says that the same warnings were printed again, or "" if no warnings were repeated.
        """
        self._started = True
        repeated = [message for message in self._held or [] if _normalized(message) in self._first_start]
        self.release()
        return " · same warnings" if any(map(_warns, repeated)) else ""

    def release(self, everything: bool = False) -> None:
        """Print the held-back lines that are new.

        Args:
            everything: Whether the process has failed. If True, all lines from the first new line onward are
                printed.
        """
        if everything and not self._started:
            self._first_start.clear()  # the start failed, so the same traceback may be printed again
        held, self._held = self._held or [], None
        failed = everything or any(map(_starts_a_traceback, held))
        is_new = False
        for message in held:
            known = _normalized(message) in self._first_start or is_chatter(message)
            is_new = (is_new and failed) or _starts_a_traceback(message) or not known
            if is_new:
                self._write(message)


def is_chatter(message: Message) -> bool:
    """Return True for an uninformative line that a process prints when it is restarted."""
    return bool(_CHATTER.match(_text(message)))


def _text(message: Message) -> str:
    return message.data.decode("utf-8", "replace")


def _starts_a_traceback(message: Message) -> bool:
    return "Traceback (most recent" in _text(message)


def _normalized(message: Message) -> str:
    return _TIMES.sub("", _text(message)).strip()


def _warns(message: Message) -> bool:
    return bool(_WARNING.search(_text(message)))
