"""Parse the tracebacks in a process's log, and find the one that stopped the process."""

import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import dropwhile
from pathlib import Path
from typing import NamedTuple

_START = re.compile(r"(?:Exception Group )?Traceback \(most recent call last\):")
_CHAINED = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
_FRAME = re.compile(r'  File "([^"]+)", line (\d+)')
_ERROR = re.compile(r"[A-Za-z_][\w.]*(?:: .*|:)?$")
# The prefixes that honcho, Docker and pytest add to a line, with or without color codes.
_PREFIX = re.compile(r"(?:\x1b\[[\d;]*m)*(?:INTERNALERROR> |[\w.-]+ +\| ?)?")
_COLOR = re.compile(r"\x1b\[[\d;]*m")
_MARGIN = re.compile(r" +[|+] ?")
_RECORD = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[^\]]*?: (?P<level>[A-Z]+)/(?P<process>[\w-]+)\] ?")
"""The start of a record in Celery's log, such as "[2026-11-28 20:22:22,960: INFO/MainProcess] "."""
_REQUEST = re.compile(r"\[\d\d/\w{3}/\d{4} ")
"""The start of a line that runserver logs for a request."""
_CONTINUED = re.compile(
    r"""Internal\ Server\ Error: | Exception\ ignored | Exception\ happened\ during | ---\ Logging\ error
    | Error\ in\ atexit | Task\ exception\ was\ never | Process\ [\w-]*(?:Worker|Process)-\d
    | Exception\ in\ thread\ (?!django-main-thread) | (?:ERROR|WARNING)\b | \[[EW]\ \d{6}\ """,
    re.VERBOSE,
)
"""Lines above a traceback that show that the process continued, or that another process failed."""


@dataclass
class Traceback:
    """A traceback.

    Attributes:
        frames: The file and line number of each frame. The last frame is the innermost frame.
        error: The exception, such as "ValueError: no such mode".
    """

    frames: list[tuple[Path, int]] = field(default_factory=list)
    error: str = ""


@dataclass
class Report:
    """The tracebacks of an exception: first the tracebacks of its causes, then its own traceback.

    The traceback of an exception group comes before the tracebacks of its sub-exceptions.

    Attributes:
        tracebacks: The tracebacks. The list has at least one entry.
        continued: Whether the process continued after the exception.
        critical: Whether Celery logged the exception as the reason for exiting.
    """

    tracebacks: list[Traceback]
    continued: bool = False
    critical: bool = False

    @property
    def main(self) -> Traceback:
        """The exception's own traceback.

        For an exception group, this is the traceback of the first sub-exception that isn't a group itself.
        """
        from_group = dropwhile(lambda traceback: not _is_group(traceback), self.tracebacks)
        return next((member for member in from_group if not _is_group(member)), self.tracebacks[-1])

    @property
    def has_group(self) -> bool:
        """Whether one of the tracebacks belongs to an exception group."""
        return any(map(_is_group, self.tracebacks))

    @property
    def error(self) -> str:
        """The exception as a single line. An exception group is followed by its first sub-exception."""
        groups = [traceback.error for traceback in self.tracebacks if _is_group(traceback)]
        return ": ".join([*groups[:1], self.main.error])

    def place(self, folder: Path, skipped: Collection[str]) -> str:
        """Return the innermost file and line in `folder`, such as "images/tasks.py:7".

        manage.py is ignored unless it raised the exception. If no file in `folder` is involved, return "".

        Args:
            folder: The project's folder.
            skipped: The names of folders whose files are ignored.
        """
        for traceback in [self.main, *reversed(self.tracebacks)]:
            for file, line in reversed(traceback.frames):
                if not file.is_relative_to(folder) or set(skipped).intersection(
                    file.relative_to(folder).parts
                ):
                    continue
                if file != folder / "manage.py" or (file, line) == traceback.frames[-1]:
                    return f"{file.relative_to(folder)}:{line}"
        return ""


def read(log: Iterable[str]) -> tuple[list[Report], list[str]]:
    """Split a log into reports and other lines.

    Returns:
        The reports and the other lines, both in order. The lines are returned without prefixes, and empty
        lines are omitted.
    """
    reports: list[Report] = []
    rest: list[str] = []
    above: list[str] = []  # the lines since the last empty line
    chained = False
    lines = deque(_without_prefixes(log))
    while lines:
        line, in_group = lines.popleft()
        if _START.match(line):
            traceback = _rest_of_traceback(lines)
            if reports and (chained or (in_group and reports[-1].has_group)):
                reports[-1].tracebacks.append(traceback)
            else:
                reports.append(Report([traceback], _continued_after(above), _is_critical(above)))
            above, chained = [], False
        elif line in _CHAINED:
            chained = True
        elif not line.strip():
            above = []
        elif not in_group:
            above.append(line)
            rest.append(line)
            if reports and not reports[-1].critical and _is_from_running_process(line):
                reports[-1].continued = True
    return reports, rest


def record(line: str) -> tuple[str, str, str]:
    """Parse a record in Celery's log.

    Returns:
        The record's level, process and message, or ("", "", line) if `line` is not the start of a record.
    """
    if match := _RECORD.match(line):
        return match["level"], match["process"], line[match.end() :]
    return "", "", line


class _Line(NamedTuple):
    text: str
    in_group: bool


def _without_prefixes(log: Iterable[str]) -> Iterator[_Line]:
    """Yield the lines without prefixes and color codes. In an exception group, also remove the margins."""
    in_group = False
    for line in log:
        line = line.rstrip()
        line = _COLOR.sub("", line[_PREFIX.match(line).end() :])
        in_group = bool(_MARGIN.match(line)) and (in_group or "Exception Group Traceback" in line)
        while in_group and (margin := _MARGIN.match(line)) and not line.startswith("  File"):
            line = line[margin.end() :]
        yield _Line(line, in_group)


def _rest_of_traceback(lines: deque[_Line]) -> Traceback:
    """Remove the rest of a traceback from `lines`, and return the traceback.

    The traceback's first line has already been removed.
    """
    traceback = Traceback()
    while lines and (lines[0].text.startswith(" ") or not lines[0].text):
        if match := _FRAME.match(lines.popleft().text):
            traceback.frames.append((Path(match[1]), int(match[2])))
    if lines and _ERROR.match(lines[0].text) and not _START.match(lines[0].text):
        traceback.error = _message(lines)
    return traceback


def _message(lines: deque[_Line]) -> str:
    """Remove an error message from `lines`, and return it as one line.

    If the first line ends with a colon, the message continues on the next lines.
    """
    message = [lines.popleft().text.strip()]
    while lines and message[-1].endswith(":") and not _ends_message(lines[0].text):
        if text := lines.popleft().text.strip():
            message.append(text)
    return " ".join(message)


def _ends_message(line: str) -> bool:
    return bool(_START.match(line) or line in _CHAINED or _RECORD.match(line))


def _is_group(traceback: Traceback) -> bool:
    return bool(re.search(r" \(\d+ sub-exceptions?\)$", traceback.error))


def _continued_after(above: list[str]) -> bool:
    """Return True if lines above a traceback show that the process continued or another process failed."""
    for line in reversed(above):
        level, process, message = record(line)
        if level:
            return level in ("WARNING", "ERROR") or "PoolWorker" in process or " retry: " in message
        if _CONTINUED.match(line):
            return True
    return False


def _is_critical(above: list[str]) -> bool:
    return any(record(line)[:2] == ("CRITICAL", "MainProcess") for line in above)


def _is_from_running_process(line: str) -> bool:
    """Return True for a line that only a running process can log."""
    return record(line)[0] not in ("", "CRITICAL") or bool(_REQUEST.match(line))
