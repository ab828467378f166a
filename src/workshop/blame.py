"""What is wrong in the learner's own code: files that cannot be read, and the cause behind a traceback."""

import os
import re
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

_SKIPPED = {"data", "node_modules", "site-packages", "__pycache__"}
_FRAME = re.compile(r'File "([^"]+)", line (\d+)')
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(: .+)?$")


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


def cause(lines: Iterable[str], folder: Path) -> str:
    """The last error in a process's output, with the learner's own file and line where there is one.

    Such as "images/tasks.py:3: ModuleNotFoundError: No module named 'requets'". Empty without output.
    """
    lines = [line.rstrip() for line in lines if line.strip()]
    starts = [number for number, line in enumerate(lines) if line.startswith("Traceback (most recent")]
    if not starts:
        errors = [line for line in lines if re.search(r"\b\w*Error\b:", line)]
        return (errors or lines or [""])[-1].strip()
    traceback = lines[starts[-1] :]
    error = next((line for line in traceback[1:] if _EXCEPTION.match(line)), traceback[-1].strip())
    place = _place(lines[starts[0] :], folder)
    return f"{place}: {error}" if place else error


def _place(lines: list[str], folder: Path) -> str | None:
    found = None
    for line in lines:
        if match := _FRAME.search(line):
            file = Path(match[1])
            if file.is_relative_to(folder) and not _SKIPPED & set(file.relative_to(folder).parts):
                found = f"{file.relative_to(folder)}:{match[2]}"
    return found
