"""The notebooks as pages of the docs site, with what their cells printed in the last run."""

import base64
import hashlib
import re
import socket
import time
from datetime import date
from pathlib import Path

from workshop import paths
from workshop.console import console, say
from workshop.course import lessons, playground
from workshop.course.lessons import Lesson
from workshop.notebooks import convert, execute
from workshop.notebooks.convert import CHECK, TURN, NotebookNode, tagged
from workshop.system import atomic_file

FOLDER = "notebooks"
"""Below docs/. What is in it is made, and not in git."""
_LESSON_LINK = re.compile(r"http://localhost:8001/lessons/([\w-]+)/")
_ESCAPES = re.compile(r"\x1b\[[\d;]*m")


def write(run: bool = False) -> None:
    """Make the pages: with the outputs of the last run, or without any where there was none.

    run: first run those notebooks that have changed since, or whose project has.
    Raises WorkshopError when a cell fails.
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
    """Whether the last run was one of the notebook and the project as they are now."""
    return _kept(lesson).is_file() and convert.read(_kept(lesson)).metadata.get("digest") == _digest(lesson)


def keep(lesson: Lesson, executed: NotebookNode) -> None:
    """Keep a run, for the pages."""
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
    """Of the notebook and its project: another run would print the same but for times and ids."""
    found = hashlib.sha256((paths.NOTEBOOKS / f"{lesson.name}.ipynb").read_bytes())
    for file in playground.files(lesson.solution).values():
        found.update(file.read_bytes())
    return found.hexdigest()


def _page(lesson: Lesson, folder: Path) -> str:
    """The page as Markdown; pictures that it shows are written into `folder`."""
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
        f"The outputs are those of a run on {when}." if when else "It was not run for this page: no outputs."
    )
    note = (
        f'!!! note "This page is a notebook"\n\n    {run} To run it yourself, beside your own workers: '
        f"`./workshop up {lesson.code}`, and open the address of *notebook* that it prints."
    )
    return "\n\n".join([parts[0], note, *parts[1:]]) + "\n"


def _outputs(lesson: Lesson) -> tuple[list[list[NotebookNode]], str]:
    """The outputs of each cell in the last run, and its date; nothing when that was of another notebook."""
    if not is_fresh(lesson):
        return [], ""
    kept = convert.read(_kept(lesson))
    return [cell.get("outputs", []) for cell in kept.cells], kept.metadata["date"]


def _text(source: str) -> str:
    text = _LESSON_LINK.sub(r"../lessons/\1.md", source)
    return text.replace("<details>", '<details markdown="1">')


def _output(output: NotebookNode, name: str, folder: Path) -> str:
    """One output as Markdown, the richest that it has; empty for what has nothing to show."""
    data = output.get("data", {})
    if "image/png" in data:
        picture = base64.b64decode(data["image/png"])
        atomic_file.write_bytes(folder / f"{name}.png", picture, temporary_folder=paths.STATE)
        return f"![What the cell above draws; the text below says what is in it]({name}.png)"
    if "text/html" in data:
        return f'<div class="cell-output">\n{_part(_neutral(data["text/html"]))}\n</div>'
    text = output.get("text") or data.get("text/plain") or "\n".join(output.get("traceback", []))
    text = _ESCAPES.sub("", _neutral(text)).rstrip()
    return f"```{{.text .cell-output}}\n{text}\n```" if text and not text.startswith("<Figure") else ""


def _part(html: str) -> str:
    """`html` as a part of a page: of a whole document its body, and headings that are none of the page's."""
    if body := re.search(r"<body[^>]*>(.*)</body>", html, re.S):
        html = body[1]
    html = re.sub(r"<h[1-6]\b[^>]*>", "<p><strong>", html)
    html = re.sub(r"</h[1-6]>", "</strong></p>", html)
    # A blank line would end the block for Markdown.
    return "\n".join(line for line in html.splitlines() if line.strip())


def _neutral(text: str) -> str:
    """Without what is true of one machine alone: its name, and the folder of the clone."""
    return text.replace(f"{paths.ROOT}/", "").replace(f"@{socket.gethostname()}", "@laptop")


def _replace(file: Path, text: str) -> None:
    """Write only what has changed, and whole: the server builds again whenever a file is new."""
    if file.is_file() and file.read_text(encoding="utf-8") == text:
        return
    atomic_file.write_text(file, text, temporary_folder=paths.STATE)
