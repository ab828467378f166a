"""A notebook as a file: without outputs in git, and with its solutions filled in for a run."""

import re
from pathlib import Path

from workshop import paths
from workshop.errors import WorkshopError
from workshop.notebooks import quick_jsonschema  # noqa: F401
from workshop.system import atomic_file

# isort: split
import nbformat
from nbformat import NotebookNode

TURN, SOLUTION, PROJECT, CHECK = "your-turn", "solution", "project", "check"
"""Tags of cells: the reader writes into the first; the next one has the answer, folded; `project` opens the
project, and `check` says whether an answer is right."""

_CODE = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
_CHOICE = re.compile(r'^PROJECT = "\w+"', re.M)
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def all_files() -> list[Path]:
    """The notebooks of the workshop, in the order of the lessons."""
    return sorted(paths.NOTEBOOKS.glob("[0-9]*.ipynb"))


def read(file: Path) -> NotebookNode:
    return nbformat.read(file, as_version=4)


def written(notebook: NotebookNode) -> str:
    """The text of the file: the same notebook always gives the same text."""
    return nbformat.writes(notebook) + "\n"


def stripped(notebook: NotebookNode) -> NotebookNode:
    """What belongs into git: no outputs, no counts, and of the metadata the tags alone."""
    clean = nbformat.from_dict(notebook)
    clean.metadata = nbformat.from_dict(METADATA)
    for cell in clean.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        cell.pop("attachments", None)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return clean


def strip(file: Path) -> bool:
    """Take the outputs out of `file`; True when there was something to take out."""
    before = file.read_text(encoding="utf-8")
    after = written(stripped(read(file)))
    if before != after:
        atomic_file.write_text(file, after)
    return before != after


def tagged(cell: NotebookNode, tag: str) -> bool:
    return tag in cell.metadata.get("tags", [])


def filled(notebook: NotebookNode, choice: str = "solution", solved: bool = True) -> NotebookNode:
    """The notebook to be run: on the project of `choice`, each turn with the code of its folded solution.

    Raises WorkshopError for a turn without a solution behind it. solved: False leaves the turns as they are.
    """
    ready = stripped(notebook)
    turns = [place for place, cell in enumerate(ready.cells) if tagged(cell, TURN)]
    for place in turns if solved else ():
        ready.cells[place].source = _solution(ready, place)
    for cell in ready.cells:
        if tagged(cell, PROJECT):
            cell.source = _CHOICE.sub(f'PROJECT = "{choice}"', cell.source)
    return ready


def _solution(notebook: NotebookNode, place: int) -> str:
    for cell in notebook.cells[place + 1 :]:
        if tagged(cell, TURN):
            break
        if tagged(cell, SOLUTION) and (code := _CODE.search(cell.source)):
            return code[1].rstrip("\n")
    raise WorkshopError(
        f"Cell {place + 1} is a turn, and no solution follows it: a Markdown cell with the tag "
        f'"{SOLUTION}" and a block ```python in it.'
    )
