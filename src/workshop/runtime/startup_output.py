"""What a process prints while it starts: all of it at its first start, only news at the later ones."""

import re
import time
from collections.abc import Callable

from honcho.printer import Message

QUIET_SECONDS = 0.5
HOLD_SECONDS = 30
_TIMES = re.compile(r"0x[0-9a-f]+|(?:\d{4}-\d\d-\d\d|\w+ \d+, \d{4} -|\d{6}) \d\d:\d\d:\d\d(?:,\d+)?")
"""What differs from start to start: addresses in memory, dates and times of day."""
_CHATTER = re.compile(r"\s*$|worker: (?:Warm|Cold) shutdown|.*: INFO/MainProcess\] mingle: ")
"""Lines of a restart that say nothing to a learner."""
_WARNING = re.compile(r"\b(?!SecurityWarning)\w+Warning: |^WARNINGS:")


class Startup:
    """The lines of one process, on their way to the terminal.

    write: prints one of them. From `hold()` to `release()` they are kept back, so that a restart is one line.
    """

    def __init__(self, write: Callable[[Message], None]):
        self._write = write
        self._first: set[str] = set()
        self._known = False
        self._held: list[Message] | None = None
        self._since = 0.0

    def line(self, message: Message) -> None:
        """Print a line, or keep it back."""
        if self._held is not None:
            self._held.append(message)
            return
        self._write(message)
        if not self._known:
            self._first.add(_normal(message))

    def hold(self) -> None:
        """Keep the next lines back. The first start is never kept back."""
        if self._known:
            self._held, self._since = self._held or [], time.monotonic()

    def look(self) -> None:
        """Print what was kept back for too long. Perhaps the process waits for input, as a debugger does."""
        if self._held and time.monotonic() - self._since > HOLD_SECONDS:
            self.release()

    def complete(self) -> str:
        """The process has started. Prints the lines that its first start did not have.

        Returns a remark on the warnings that it did have, for the end of a sentence; empty without one.
        """
        self._known = True
        repeated = [each for each in self._held or [] if _normal(each) in self._first]
        self.release()
        return " · same warnings" if any(map(_warns, repeated)) else ""

    def release(self, everything: bool = False) -> None:
        """Print what was kept back.

        everything: from the first line on that the first start did not have, since the process has failed.
        """
        if everything and not self._known:
            self._first.clear()  # it was no start: the same traceback may come again
        held, self._held = self._held or [], None
        failed = everything or any(map(_starts_a_traceback, held))
        news = False
        for message in held:
            known = _normal(message) in self._first or is_chatter(message)
            news = (news and failed) or _starts_a_traceback(message) or not known
            if news:
                self._write(message)


def is_chatter(message: Message) -> bool:
    """True for a line that a process ends with when it is restarted, and that tells nothing."""
    return bool(_CHATTER.match(_text(message)))


def _text(message: Message) -> str:
    return message.data.decode("utf-8", "replace")


def _starts_a_traceback(message: Message) -> bool:
    return "Traceback (most recent" in _text(message)


def _normal(message: Message) -> str:
    return _TIMES.sub("", _text(message)).strip()


def _warns(message: Message) -> bool:
    return bool(_WARNING.search(_text(message)))
