"""Where things lie. Use these as `paths.LESSONS`, so that a test can point them at a temporary copy."""

import os
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1]
"""The folder that PYTHONPATH needs for `import workshop`. It stays the same when ROOT is a temporary copy."""
ROOT = Path(os.environ.get("WORKSHOP_ROOT") or SOURCES.parent).resolve()
LESSONS = ROOT / "lessons"
SOLUTIONS = ROOT / "solutions"
DOCS = ROOT / "docs"
NOTEBOOKS = ROOT / "notebooks"
PLAYGROUND = ROOT / "playground"
BACKUPS = PLAYGROUND / ".backup"
STATE = Path(os.environ.get("WORKSHOP_STATE") or ROOT / ".workshop")


def shown(path: Path) -> str:
    """`path` as a person reads it: relative to the workshop where it lies inside, else absolute."""
    path = Path(path).absolute()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
