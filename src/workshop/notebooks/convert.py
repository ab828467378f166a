"""Convert notebooks: remove the outputs before a commit, and fill in the solutions before a test run."""

import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from workshop import paths
from workshop.errors import WorkshopError
from workshop.system import atomic_file

TURN, SOLUTION, PROJECT, CHECK = "your-turn", "solution", "project", "check"
"""The tags of a notebook's cells.

The reader edits the cells tagged `your-turn`. Each of these cells is followed by a folded cell tagged
`solution`. Cells tagged `project` open the project, and cells tagged `check` check an answer.
"""

_CODE = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
_CHOICE = re.compile(r'^PROJECT = "\w+"', re.M)
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def all_files() -> list[Path]:
    """Return the workshop's notebooks, in the order of the lessons."""
    return sorted(paths.NOTEBOOKS.glob("[0-9]*.ipynb"))


def read(file: Path) -> NotebookNode:
    """Read the notebook in `file`."""
    return nbformat.read(file, as_version=4)


def written(notebook: NotebookNode) -> str:
    """Return the text of the notebook's file. The same notebook always produces the same text."""
    return nbformat.writes(notebook) + "\n"


def stripped(notebook: NotebookNode) -> NotebookNode:
    """Return a copy of the notebook for git: no outputs, no execution counts, and no metadata except tags."""
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
    """Remove the outputs from the notebook in `file`. Returns True if the file was changed."""
    clean = written(stripped(read(file)))
    if clean == file.read_text(encoding="utf-8"):
        return False
    atomic_file.write_text(file, clean)
    return True


def tagged(cell: NotebookNode, tag: str) -> bool:
    """Return True if the cell has the tag."""
    return tag in cell.metadata.get("tags", [])


def filled(notebook: NotebookNode, solved: bool = True) -> NotebookNode:
    """Return a copy of the notebook that opens the finished project and contains the answers.

    Args:
        notebook: The notebook as stored in git. The function leaves this notebook unchanged.
        solved: Whether to fill in the "your turn" cells.

    Raises:
        WorkshopError: A "your turn" cell has no solution.
    """
    ready = stripped(notebook)
    for place, cell in enumerate(ready.cells):
        if tagged(cell, PROJECT):
            cell.source = _CHOICE.sub('PROJECT = "solution"', cell.source)
        if solved and tagged(cell, TURN):
            cell.source = _solution(ready, place)
    return ready


def _solution(notebook: NotebookNode, place: int) -> str:
    """Return the code of the solution that follows the cell at index `place`.

    Raises:
        WorkshopError: There is no solution between this cell and the next "your turn" cell.
    """
    for cell in notebook.cells[place + 1 :]:
        if tagged(cell, TURN):
            break
        if tagged(cell, SOLUTION) and (code := _CODE.search(cell.source)):
            return code[1].rstrip("\n")
    raise WorkshopError(
        f'Cell {place + 1} is a "your turn" cell without a solution. Below this cell, add a Markdown cell '
        f'that has the tag "{SOLUTION}" and contains a ```python block.'
    )
