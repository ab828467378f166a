"""Write the notebooks as pages of the docs site, with the outputs of their last run."""

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
from workshop.notebooks import convert, execute
from workshop.notebooks.convert import CHECK, TURN, NotebookNode, tagged
from workshop.system import atomic_file

FOLDER = "notebooks"
"""A folder in docs/. Its files are generated and not in git."""
_LESSON_LINK = re.compile(r"http://localhost:8001/lessons/([\w-]+)/")
_ESCAPES = re.compile(r"\x1b\[[\d;]*m")


def write(run: bool = False) -> None:
    """Write the pages, with the outputs of the last run if there was one.

    run: first run the notebooks that have changed, or whose project has changed. Raises WorkshopError if a
    cell fails.
    """
    found = [each for each in lessons.all_lessons() if (paths.NOTEBOOKS / f"{each.name}.ipynb").is_file()]
    for number, lesson in enumerate(found, 1):
        if run and not is_fresh(lesson):
            began = time.monotonic()
            say(f"Notebook {number} of {len(found)}: running notebooks/{lesson.name}.ipynb …")
            console.file.flush()  # a log shows it before the minute is over
            keep(lesson, _executed(lesson))
            say(f"Notebook {number} of {len(found)}: done in {time.monotonic() - began:.0f} s")
        page = paths.DOCS / FOLDER / f"{lesson.name}.md"
        page.parent.mkdir(parents=True, exist_ok=True)
        _replace(page, _page(lesson, page.parent))


def is_fresh(lesson: Lesson) -> bool:
    """Return True if neither the notebook nor the project has changed since the last run."""
    return _kept(lesson).is_file() and convert.read(_kept(lesson)).metadata.get("digest") == _digest(lesson)


def keep(lesson: Lesson, executed: NotebookNode) -> None:
    """Store a run for the pages."""
    executed.metadata["digest"] = _digest(lesson)
    executed.metadata["date"] = date.today().isoformat()
    file = _kept(lesson)
    file.parent.mkdir(parents=True, exist_ok=True)
    _replace(file, convert.written(executed))


def _executed(lesson: Lesson) -> NotebookNode:
    notebook = convert.filled(convert.read(paths.NOTEBOOKS / f"{lesson.name}.ipynb"))
    with execute.stage(lesson) as site:
        return execute.run(notebook, site)


def _kept(lesson: Lesson) -> Path:
    return paths.STATE / "notebooks" / f"{lesson.name}.ipynb"


def _digest(lesson: Lesson) -> str:
    """Return a hash of the notebook and its project. If it is unchanged, a run would print the same again."""
    found = hashlib.sha256((paths.NOTEBOOKS / f"{lesson.name}.ipynb").read_bytes())
    for file in project_files.list_files(lesson.solution).values():
        found.update(file.read_bytes())
    return found.hexdigest()


def _page(lesson: Lesson, folder: Path) -> str:
    """Return the page as Markdown. Its pictures are written to `folder`."""
    notebook = convert.stripped(convert.read(paths.NOTEBOOKS / f"{lesson.name}.ipynb"))
    outputs, when = _outputs(lesson)
    parts: list[str] = []
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            parts.append(_text(cell.source))
            continue
        parts.append(f"```python\n{cell.source}\n```")
        if outputs and not tagged(cell, TURN):
            shown = [
                text
                for number, output in enumerate(outputs[place])
                if (text := _output(output, f"{lesson.code}-{place}-{number}", folder))
            ]
            if shown and tagged(cell, CHECK):
                parts.append("With the solution:")
            parts += shown
    run = (
        f"The outputs are from a run on {when}."
        if when
        else "The notebook was not run, so there are no outputs."
    )
    note = (
        f'!!! note "This page is a notebook"\n\n    {run} To run the notebook with your own workers, type '
        f"`./workshop up {lesson.code}` and open the address that it prints after *notebook*."
    )
    return "\n\n".join([parts[0], note, *parts[1:]]) + "\n"


def _outputs(lesson: Lesson) -> tuple[list[list[NotebookNode]], str]:
    """Return the cells' outputs and the date of the last run; empty if the notebook has changed since."""
    if not is_fresh(lesson):
        return [], ""
    kept = convert.read(_kept(lesson))
    return [cell.get("outputs", []) for cell in kept.cells], kept.metadata["date"]


def _text(source: str) -> str:
    text = _LESSON_LINK.sub(r"../lessons/\1.md", source)
    return text.replace("<details>", '<details markdown="1">')


def _output(output: NotebookNode, name: str, folder: Path) -> str:
    """Return an output as Markdown in its richest format; empty if there is nothing to show."""
    data = output.get("data", {})
    if "image/png" in data:
        picture = base64.b64decode(data["image/png"])
        atomic_file.write_bytes(folder / f"{name}.png", picture, temporary_folder=paths.STATE)
        return f"![The cell's plot, which the text below describes]({name}.png)"
    if "text/html" in data:
        return f'<div class="cell-output">\n{_part(_neutral(data["text/html"]))}\n</div>'
    text = output.get("text") or data.get("text/plain") or "\n".join(output.get("traceback", []))
    text = _ESCAPES.sub("", _neutral(text)).rstrip()
    return f"```{{.text .cell-output}}\n{text}\n```" if text and not text.startswith("<Figure") else ""


def _part(html: str) -> str:
    """Return `html` as part of a page: only the body, with headings that don't count as the page's own."""
    if body := re.search(r"<body[^>]*>(.*)</body>", html, re.S):
        html = body[1]
    html = re.sub(r"<h[1-6]\b[^>]*>", "<p><strong>", html)
    html = re.sub(r"</h[1-6]>", "</strong></p>", html)
    # A blank line would end the HTML block in Markdown.
    return "\n".join(line for line in html.splitlines() if line.strip())


def _neutral(text: str) -> str:
    """Remove what differs between machines: the machine's name and the folder of the clone."""
    return text.replace(f"{paths.ROOT}/", "").replace(f"@{socket.gethostname()}", "@laptop")


def _replace(file: Path, text: str) -> None:
    """Write a file atomically, but only if it has changed, because the server rebuilds after every change."""
    if file.is_file() and file.read_text(encoding="utf-8") == text:
        return
    atomic_file.write_text(file, text, temporary_folder=paths.STATE)
