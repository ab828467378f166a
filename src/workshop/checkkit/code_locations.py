"""Find the project file and line where the learner's code called a function or raised an exception."""

import traceback
from collections.abc import Iterable
from pathlib import Path

UNKNOWN = "?"


def raised_at(error: BaseException) -> str:
    """Return the project file and line where the exception was raised, or `UNKNOWN`."""
    return _last(traceback.extract_tb(error.__traceback__))


def called_at() -> str:
    """Return the project file and line that are being executed, or `UNKNOWN`."""
    return _last(traceback.extract_stack())


def _last(frames: Iterable[traceback.FrameSummary]) -> str:
    project = Path.cwd()
    for frame in reversed(list(frames)):
        file = Path(frame.filename)
        if file.is_relative_to(project):
            return f"{file.relative_to(project)}:{frame.lineno}"
    return UNKNOWN
