"""Find errors in the learner's code: files that Python cannot read, and errors that made a process exit."""

import os
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from workshop.runtime import tracebacks

_SKIPPED = {"data", "node_modules", "site-packages", "__pycache__"}


@dataclass(frozen=True)
class Cause:
    """The reason why a process exited.

    Attributes:
        error: The exception, such as "ValueError: no such mode", or the last message of the process.
        place: The learner's file and line, such as "images/tasks.py:7", or "" if the learner's code isn't
            involved.
        earlier: The exceptions that led to `error`.
    """

    error: str = ""
    place: str = ""
    earlier: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.place}: {self.error}" if self.place else self.error


def python_files(folder: Path) -> Iterator[Path]:
    """Yield the project's own Python files.

    Hidden files are skipped, because editors and systems create them. For example, Emacs' lock file
    `.#views.py` is a broken link.
    """
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED and not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(names) if re.fullmatch(r"[^.].*\.py", name))


def unreadable(folder: Path) -> list[str]:
    """Return a sentence for each file that Python cannot read.

    For example: "images/views.py:31 cannot be read: …".
    """
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
    """Return why a process exited, according to its log. If the log doesn't say why, return an empty Cause.

    An error after which the process kept running, such as an error in a task or a request, is not the cause.
    """
    reports, rest = tracebacks.read(lines)
    for report in reversed(reports):
        if not report.continued:
            earlier = tuple(other.error for other in report.tracebacks if other is not report.main)
            return Cause(report.error, report.place(folder, _SKIPPED), earlier)
    return Cause(_last_message(rest))


def place(lines: Iterable[str], folder: Path) -> str:
    """Return the learner's file and line from the last traceback in `lines`, or "" if there is none."""
    reports, _ = tracebacks.read(lines)
    return reports[-1].place(folder, _SKIPPED) if reports else ""


def advice(error: str) -> str:
    """Return advice on a circular import, an import of a name that doesn't exist, or a wrong storage option.

    For any other error, return "".
    """
    if "circular import" in error:
        return "Two files import each other, so one of them is only partly loaded. Remove one of the imports."
    if match := re.search(r"cannot import name '(\w+)' from '([\w.]+)'", error):
        name, module = match.groups()
        return (
            f"{module} does not define {name}. Import a name that exists there. To keep "
            f"using the name {name} in your code, add: as {name}"
        )
    if match := re.search(r"(\w+Storage)\.__init__\(\) got an unexpected keyword argument '(\w+)'", error):
        storage, option = match.groups()
        return f"{storage} has no option {option}. Correct the OPTIONS in STORAGES in myproject/settings.py."
    return ""


def _last_message(lines: list[str]) -> str:
    """Return the last error in a log that contains no traceback, or the last line if there is no error.

    Log records are ignored, except Celery's critical records and records of failed connections.
    """
    message = error = ""
    for number, line in enumerate(lines):
        level, process, logged = tracebacks.record(line)
        if level == "CRITICAL" and process == "MainProcess":
            return logged.strip()
        if level:
            message, error = "", logged.strip() if "Cannot connect to " in logged else ""
            continue
        message = line.strip()
        if re.search(r"\b\w*Error\b:", line):
            # If the line ends with a colon, the next lines contain the details.
            details = lines[number + 1 : number + 4] if message.endswith(":") else []
            error = " ".join([message, *map(str.strip, details)])
    return error or message
