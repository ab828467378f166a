"""The module that the notebooks import. The code itself is in src/workshop/notebookkit/."""

import sys
from pathlib import Path

# An editor that opens a notebook without ./workshop doesn't know where the workshop's code is.
sys.path[:0] = [
    str(folder / "src")
    for folder in Path(__file__).resolve().parents
    if (folder / "src" / "workshop" / "notebookkit").is_dir() and str(folder / "src") not in sys.path
]

from workshop.notebookkit import *  # noqa: E402, F403
