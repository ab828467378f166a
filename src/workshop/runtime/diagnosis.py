"""What is wrong in the learner's own code: files that cannot be read, and the cause of a process's end."""

import os
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from workshop.runtime import tracebacks
from workshop.runtime.tracebacks import Report

_SKIPPED = {"data", "node_modules", "site-packages", "__pycache__"}


@dataclass(frozen=True)
class Cause:
    """Why a process ended.

    error: such as "ValueError: no such mode", or the process's own words. place: the learner's file and line,
    such as "images/tasks.py:7"; empty where none is to blame. behind: the exceptions that led to `error`.
    """

    error: str = ""
    place: str = ""
    behind: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.place}: {self.error}" if self.place else self.error


def python_files(folder: Path) -> Iterator[Path]:
    """The project's own *.py files."""
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED and not name.startswith("."))
        yield from (Path(here, name) for name in sorted(names) if name.endswith(".py"))


def unreadable(folder: Path) -> list[str]:
    """One sentence for each file that Python cannot read: "images/views.py:31 cannot be read: …"."""
    return [sentence for file in python_files(folder) if (sentence := _why_unreadable(file, folder))]


def _why_unreadable(file: Path, folder: Path) -> str | None:
    name = file.relative_to(folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(file.read_bytes(), str(file), "exec", dont_inherit=True)
    except SyntaxError as error:
        return f"{name}:{error.lineno or 1} cannot be read: {error.msg}"
    except (ValueError, OSError) as error:
        return f"{name} cannot be read: {error}"
    return None


def cause(lines: Iterable[str], folder: Path) -> Cause:
    """Why the process with this log ended; an empty Cause when the log does not say why.

    Errors after which the process went on, such as those of tasks and of requests, are not the cause.
    """
    reports, rest = tracebacks.read(lines)
    for report in reversed(reports):
        if not report.went_on:
            return _cause(report, folder)
    return Cause(_last_words(rest))


def place(lines: Iterable[str], folder: Path) -> str:
    """The learner's file and line in the last traceback of `lines`, whatever came of it; "" without one."""
    reports, _ = tracebacks.read(lines)
    return reports[-1].place(folder, _SKIPPED) if reports else ""


def advice(error: str) -> str:
    """What to do about an import of a name that does not exist; "" for any other error."""
    if "circular import" in error:
        return (
            "Two files import each other, so one of them is not complete yet. Remove one of the two imports."
        )
    if match := re.search(r"cannot import name '(\w+)' from '([\w.]+)'", error):
        name, module = match.groups()
        return (
            f"{module} does not define {name}. Import a name that it defines. If your code should use "
            f"another name for it, add: as {name}"
        )
    return ""


def _cause(report: Report, folder: Path) -> Cause:
    behind = tuple(each.error for each in report.tracebacks if each is not report.main)
    return Cause(report.error, report.place(folder, _SKIPPED), behind)


def _last_words(lines: list[str]) -> str:
    """What a log without a traceback says last: an error, else its last line. Records are not last words,
    but for those that Celery ends with, or that tell of its attempts to connect.
    """
    words = error = ""
    for number, line in enumerate(lines):
        level, process, message = tracebacks.record(line)
        if level == "CRITICAL" and process == "MainProcess":
            return message.strip()
        if level:
            words, error = "", message.strip() if "Cannot connect to " in message else ""
            continue
        words = line.strip()
        if re.search(r"\b\w*Error\b:", line):
            # "Error:" alone announces what is wrong in the next lines.
            follow = lines[number + 1 : number + 4] if words.endswith(":") else []
            error = " ".join([words, *map(str.strip, follow)])
    return error or words
