"""Where things lie. Use these as `paths.LESSONS`, so that a test can point them at a temporary copy."""

import os
from pathlib import Path

ROOT = Path(os.environ.get("WORKSHOP_ROOT") or Path(__file__).parents[2]).resolve()
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
