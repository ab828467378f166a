"""Parse the tracebacks in a process's log, and find the one that stopped the process."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import dropwhile
from pathlib import Path

_START = re.compile(r"(?:Exception Group )?Traceback \(most recent call last\):")
_CHAINED = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
_FRAME = re.compile(r'  File "([^"]+)", line (\d+)')
_ERROR = re.compile(r"[A-Za-z_][\w.]*(?:: .*|:)?$")
# The prefixes of honcho, Docker and pytest, and colors.
_PREFIX = re.compile(r"(?:\x1b\[[\d;]*m)*(?:INTERNALERROR> |[\w.-]+ +\| ?)?")
_COLOR = re.compile(r"\x1b\[[\d;]*m")
_MARGIN = re.compile(r" +[|+] ?")
_RECORD = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[^\]]*?: (?P<level>[A-Z]+)/(?P<process>[\w-]+)\] ?")
"""The start of a record in Celery's log: "[2026-11-28 20:22:22,960: INFO/MainProcess] "."""
_REQUEST = re.compile(r"\[\d\d/\w{3}/\d{4} ")
"""A request in runserver's log."""
_CONTINUED = re.compile(
    r"""Internal\ Server\ Error: | Exception\ ignored | Exception\ happened\ during | ---\ Logging\ error
    | Error\ in\ atexit | Task\ exception\ was\ never | Process\ [\w-]*(?:Worker|Process)-\d
    | Exception\ in\ thread\ (?!django-main-thread) | (?:ERROR|WARNING)\b | \[[EW]\ \d{6}\ """,
    re.VERBOSE,
)
"""Lines above a traceback after which the process continued, or which belongs to another process."""


@dataclass
class Traceback:
    """A traceback.

    Attributes:
        frames: File and line of each frame, innermost last.
        error: The exception, such as "ValueError: no such mode".
    """

    frames: list[tuple[Path, int]] = field(default_factory=list)
    error: str = ""


@dataclass
class Report:
    """The tracebacks of an exception: first those of its causes, then its own.

    An exception group comes before its sub-exceptions.

    Attributes:
        tracebacks: At least one.
        continued: Whether the process continued.
        critical: Whether Celery logged the exception as the reason for exiting.
    """

    tracebacks: list[Traceback]
    continued: bool = False
    critical: bool = False

    @property
    def main(self) -> Traceback:
        """The exception's own traceback; for a group, that of the first sub-exception that isn't a group."""
        from_group = dropwhile(lambda traceback: not _is_group(traceback), self.tracebacks)
        return next((member for member in from_group if not _is_group(member)), self.tracebacks[-1])

    @property
    def has_group(self) -> bool:
        """Whether one of the tracebacks is that of an exception group."""
        return any(map(_is_group, self.tracebacks))

    @property
    def error(self) -> str:
        """The exception in one line; for a group, followed by the first sub-exception."""
        groups = [traceback.error for traceback in self.tracebacks if _is_group(traceback)]
        return ": ".join([*groups[:1], self.main.error])

    def place(self, folder: Path, skipped: Collection[str]) -> str:
        """Return the innermost file and line in `folder`, such as "images/tasks.py:7"; "" if there is none.

        manage.py is ignored, unless it raised the exception.

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
    """Return the reports in a log, and the other lines without prefixes and empty lines, both in order."""
    reports: list[Report] = []
    rest: list[str] = []
    above: list[str] = []  # the previous lines, back to an empty line
    chained = False
    lines = _Lines(log)
    for line in lines:
        if _START.match(line):
            traceback = _rest_of(lines)
            if reports and (chained or (lines.was_in_group and reports[-1].has_group)):
                reports[-1].tracebacks.append(traceback)
            else:
                reports.append(Report([traceback], _continued_after(above), _is_critical(above)))
            above, chained = [], False
        elif line in _CHAINED:
            chained = True
        elif not line.strip():
            above = []
        elif not lines.in_group:
            above.append(line)
            rest.append(line)
            if reports and not reports[-1].critical and _is_from_running_process(line):
                reports[-1].continued = True
    return reports, rest


def record(line: str) -> tuple[str, str, str]:
    """Return the level, process and message of a record in Celery's log; ("", "", line) for other lines."""
    if match := _RECORD.match(line):
        return match["level"], match["process"], line[match.end() :]
    return "", "", line


class _Lines(Iterator[str]):
    """The lines of a log without prefixes. A line can be put back.

    Attributes:
        in_group: Whether the last line is in an exception group, where lines have a margin.
        was_in_group: Whether the line before was in an exception group.
    """

    def __init__(self, log: Iterable[str]):
        self._log = iter(log)
        self._back: list[str] = []
        self.in_group = self.was_in_group = False

    def __next__(self) -> str:
        if self._back:
            return self._back.pop()
        line = next(self._log).rstrip()
        line = _COLOR.sub("", line[_PREFIX.match(line).end() :])
        self.was_in_group = self.in_group
        margin = _MARGIN.match(line)
        self.in_group = bool(margin) and (self.in_group or "Exception Group Traceback" in line)
        while self.in_group and (margin := _MARGIN.match(line)) and not line.startswith("  File"):
            line = line[margin.end() :]
        return line

    def back(self, line: str) -> None:
        self._back.append(line)


def _rest_of(lines: _Lines) -> Traceback:
    """Read the rest of a traceback whose first line was just read."""
    traceback = Traceback()
    for line in lines:
        if line.startswith(" ") or not line:
            if match := _FRAME.match(line):
                traceback.frames.append((Path(match[1]), int(match[2])))
        elif _ERROR.match(line) and not _START.match(line):
            traceback.error = _message(line, lines)
            return traceback
        else:
            lines.back(line)
            return traceback
    return traceback


def _message(first: str, lines: _Lines) -> str:
    """Return an error's line and, if it ends with a colon, the lines that follow."""
    message = [first.strip()]
    for line in lines:
        if _START.match(line) or line in _CHAINED or _RECORD.match(line) or not message[-1].endswith(":"):
            lines.back(line)
            break
        if line.strip():
            message.append(line.strip())
    return " ".join(message)


def _is_group(traceback: Traceback) -> bool:
    return bool(re.search(r" \(\d+ sub-exceptions?\)$", traceback.error))


def _continued_after(above: list[str]) -> bool:
    """Return True if the lines above a traceback show that the process continued or another one failed."""
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
