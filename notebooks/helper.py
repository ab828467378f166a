"""What the notebooks import. The code itself is in src/workshop/notebookkit/, to be read like the rest."""

import sys
from pathlib import Path

# An editor that opens a notebook by itself does not know where the workshop is.
sys.path[:0] = [
    str(folder / "src")
    for folder in Path(__file__).resolve().parents
    if (folder / "src" / "workshop" / "notebookkit").is_dir() and str(folder / "src") not in sys.path
]

from workshop.notebookkit import *  # noqa: E402, F403
