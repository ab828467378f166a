"""The workshop's folders. Other modules use attributes such as `paths.LESSONS`, which tests can replace."""

import os
import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1]
"""The folder that PYTHONPATH must contain for `import workshop`, even if ROOT is a temporary copy."""
ROOT = Path(os.environ.get("WORKSHOP_ROOT") or SOURCES.parent).resolve()
LESSONS = ROOT / "lessons"
SOLUTIONS = ROOT / "solutions"
DOCS = ROOT / "docs"
NOTEBOOKS = ROOT / "notebooks"
PLAYGROUND = ROOT / "playground"
BACKUPS = PLAYGROUND / ".backup"
STATE = Path(os.environ.get("WORKSHOP_STATE") or ROOT / ".workshop")


def import_benchmarks() -> None:
    """Make the `benchmarks` package importable in this process.

    The package is not in src/, because only maintainers need it.
    """
    if str(SOURCES.parent) not in sys.path:
        sys.path.append(str(SOURCES.parent))


def shown(path: Path) -> str:
    """Format `path` for a message: a relative path if it is inside the clone, otherwise an absolute path."""
    path = Path(path).absolute()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def typed(path: Path) -> str:
    """Format `path` for a command: relative to the current folder if both are in the clone, else absolute."""
    path = Path(path).absolute()
    in_clone = path.is_relative_to(ROOT) and Path.cwd().is_relative_to(ROOT)
    return os.path.relpath(path) if in_clone else str(path)


def command_in(folder: Path, command: str) -> str:
    """Return `command`, preceded by `cd` if the reader has to change to `folder` first."""
    return command if Path.cwd() == folder.resolve() else f"cd {typed(folder)} && {command}"
