"""Convert the notebooks to pages of the docs site, with the outputs of the last run."""

import base64
import hashlib
import re
import socket
import time
from datetime import date
from pathlib import Path

from workshop import paths
from workshop.console import console, say
from workshop.course import lessons, project_files
from workshop.course.lessons import Lesson
from workshop.notebooks import convert, execute, server
from workshop.notebooks.convert import CHECK, TURN, NotebookNode, tagged
from workshop.system import atomic_file

FOLDER = "notebooks"
"""The folder in docs/ for the notebooks' pages. These pages are generated, so they are not in git."""
_LESSON_LINK = re.compile(r"http://localhost:8001/lessons/([\w-]+)/")
_ESCAPES = re.compile(r"\x1b\[[\d;]*m")


def write(run: bool = False) -> None:
    """Write a page for each notebook, with the outputs of its last run if there has been one.

    Args:
        run: Whether to first run each notebook that has changed or whose project has changed.

    Raises:
        WorkshopError: A cell of a notebook fails.
    """
    folder = paths.DOCS / FOLDER
    known = [lesson for lesson in lessons.all_lessons() if server.source(lesson).is_file()]
    for number, lesson in enumerate(known, 1):
        if run and not is_fresh(lesson):
            started = time.monotonic()
            say(f"Notebook {number} of {len(known)}: running notebooks/{lesson.name}.ipynb …")
            console.file.flush()  # show the line in a log before the run, which takes a minute
            store_run(lesson, _executed(lesson))
            say(f"Notebook {number} of {len(known)}: done in {time.monotonic() - started:.0f} s")
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / f"{lesson.name}.md", _page(lesson, folder))


def is_fresh(lesson: Lesson) -> bool:
    """Return True if neither the lesson's notebook nor its project has changed since the last run."""
    file = _stored_run(lesson)
    return file.is_file() and convert.read(file).metadata.get("digest") == _digest(lesson)


def store_run(lesson: Lesson, executed: NotebookNode) -> None:
    """Store an executed notebook so that its page can show the outputs."""
    executed.metadata["digest"] = _digest(lesson)
    executed.metadata["date"] = date.today().isoformat()
    file = _stored_run(lesson)
    file.parent.mkdir(parents=True, exist_ok=True)
    _replace(file, convert.written(executed))


def _executed(lesson: Lesson) -> NotebookNode:
    notebook = convert.filled(convert.read(server.source(lesson)))
    with execute.stage(lesson) as site:
        return execute.run(notebook, site)


def _stored_run(lesson: Lesson) -> Path:
    """Return the file that holds the results of the last run."""
    return paths.STATE / "notebooks" / f"{lesson.name}.ipynb"


def _digest(lesson: Lesson) -> str:
    """Return a hash of the notebook and its project.

    As long as this hash stays the same, the stored outputs are up to date.
    """
    content = hashlib.sha256(server.source(lesson).read_bytes())
    for file in project_files.list_files(lesson.solution).values():
        content.update(file.read_bytes())
    return content.hexdigest()


def _page(lesson: Lesson, folder: Path) -> str:
    """Return the page as Markdown, and write its pictures to `folder`."""
    cells = convert.stripped(convert.read(server.source(lesson))).cells
    run = convert.read(_stored_run(lesson)) if is_fresh(lesson) else None
    parts: list[str] = []
    for place, cell in enumerate(cells):
        if cell.cell_type == "markdown":
            parts.append(_text(cell.source))
            continue
        parts.append(f"```python\n{cell.source}\n```")
        if run and not tagged(cell, TURN):
            outputs = enumerate(run.cells[place].outputs)
            shown = [_output(output, f"{lesson.code}-{place}-{number}", folder) for number, output in outputs]
            if any(shown) and tagged(cell, CHECK):
                parts.append("With the solution:")
            parts += filter(None, shown)
    origin = (
        f"The outputs are from a run on {run.metadata['date']}."
        if run
        else "The notebook has not been run, so there are no outputs."
    )
    note = (
        f'!!! note "This page is a notebook"\n\n    {origin} To run the notebook with your own workers, type '
        f"`./workshop up {lesson.code}` and open the address that the command prints after *notebook*."
    )
    return "\n\n".join([parts[0], note, *parts[1:]]) + "\n"


def _text(source: str) -> str:
    text = _LESSON_LINK.sub(r"../lessons/\1.md", source)
    return text.replace("<details>", '<details markdown="1">')


def _output(output: NotebookNode, name: str, folder: Path) -> str:
    """Return the richest format of an output as Markdown, or "" if there is nothing to show."""
    data = output.get("data", {})
    if "image/png" in data:
        picture = base64.b64decode(data["image/png"])
        atomic_file.write_bytes(folder / f"{name}.png", picture, temporary_folder=paths.STATE)
        return f"![The cell's plot, which the text below describes]({name}.png)"
    if "text/html" in data:
        return f'<div class="cell-output">\n{_page_part(_without_machine(data["text/html"]))}\n</div>'
    text = output.get("text") or data.get("text/plain") or "\n".join(output.get("traceback", []))
    text = _ESCAPES.sub("", _without_machine(text)).rstrip()
    return f"```{{.text .cell-output}}\n{text}\n```" if text and not text.startswith("<Figure") else ""


def _page_part(html: str) -> str:
    """Return the body of an HTML document as part of a page, with bold text instead of headings."""
    if body := re.search(r"<body[^>]*>(.*)</body>", html, re.S):
        html = body[1]
    html = re.sub(r"<h[1-6]\b[^>]*>", "<p><strong>", html)
    html = re.sub(r"</h[1-6]>", "</strong></p>", html)
    # A blank line would end the HTML block in Markdown.
    return "\n".join(line for line in html.splitlines() if line.strip())


def _without_machine(text: str) -> str:
    """Remove the text that differs between machines: the machine's name and the folder of the clone."""
    return text.replace(f"{paths.ROOT}/", "").replace(f"@{socket.gethostname()}", "@laptop")


def _replace(file: Path, text: str) -> None:
    """Write a file atomically, but only if its text has changed, because every write triggers a rebuild."""
    if not file.is_file() or file.read_text(encoding="utf-8") != text:
        atomic_file.write_text(file, text, temporary_folder=paths.STATE)
