"""The sentences that people read: of the lessons, of the other pages, and of the tool."""

import ast
import json
import random
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from workshop import paths
from workshop.course.lessons import Lesson
from workshop.docsite import snippets

_END = re.compile(r"(?<=[.?!])[\"')*_]*\s+(?=[\"'(*_`]*[A-Z0-9`])")
_PLACE = re.compile(r"\{\{.*?\}\}|\{ #[\w-]+ \}")
_EXERCISES = paths.SOURCES / "workshop/notebookkit/exercises"
"""The checks of the notebooks' exercises. Their sentences belong to the lessons."""
_COMMENT = re.compile(r"^\s*(?:#|//|\{#|/\*)\s?(.*?)\s*(?:#\}|\*/)?$")


@dataclass(frozen=True)
class Sentence:
    """A sentence, with the file and the line (from 1) where its paragraph starts."""

    file: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{paths.shown(self.file)}:{self.line}  {self.text}"


def of_lesson(lesson: Lesson) -> list[Sentence]:
    """Return all sentences that a learner of `lesson` reads."""
    found = [*_markdown(lesson.text), *_markdown(lesson.folder / "README.md"), *_manifest(lesson)]
    for name in sorted({name for step in lesson.steps for name in step.files}):
        found += _todos(lesson.folder / name)
    for file in sorted((lesson.folder / "checks").glob("*.py")):
        found += _strings(file)
    for file in _exercises(lesson):
        found += _strings(file)
    found += _notebook(paths.NOTEBOOKS / f"{lesson.name}.ipynb")
    for file in sorted((paths.DOCS / "lessons/img").glob(f"{lesson.code}-*.svg")):
        found += _drawing(file)
    return found


def of_pages() -> list[Sentence]:
    """Every sentence of the pages around the lessons, and of their examples' drawings."""
    pages = [paths.ROOT / "README.md", paths.ROOT / "CONTRIBUTING.md", paths.DOCS / "index.md"]
    for folder in ("guides", "explanation", "reference", "numbers"):
        pages += sorted((paths.DOCS / folder).glob("*.md"))
    found = [sentence for page in pages for sentence in _markdown(page)]
    for file in sorted(paths.DOCS.glob("*/img/*.svg")):
        found += [] if file.parts[-3] == "lessons" else _drawing(file)
    return found


def of_tool() -> list[Sentence]:
    """Every string of the tool that is prose: help, messages, errors, docstrings."""
    files = sorted((paths.SOURCES / "workshop").rglob("*.py"))
    return [sentence for file in files if file.parent != _EXERCISES for sentence in _strings(file)]


def sample(sentences: Iterable[Sentence], count: int, seed: int) -> list[Sentence]:
    """Return `count` different sentences of at least four words, drawn with `seed`."""
    known = {each.text: each for each in sentences if len(each.text.split()) >= 4}
    chosen = random.Random(seed).sample(sorted(known), min(count, len(known)))
    return [known[text] for text in chosen]


def _split(file: Path, line: int, text: str) -> Iterator[Sentence]:
    """Return the sentences of a paragraph."""
    text = " ".join(_PLACE.sub(" ", text).split())
    for sentence in _END.split(text):
        if re.search("[A-Za-z]{2}", sentence):
            yield Sentence(file, line, sentence)


def _markdown(file: Path) -> Iterator[Sentence]:
    if not file.is_file():
        return
    yield from _paragraphs(file, file.read_text(encoding="utf-8"))


def _paragraphs(file: Path, text: str, first: int = 1) -> Iterator[Sentence]:
    """Yield the prose of a Markdown text, without code blocks and includes. Table cells are separate."""
    paragraph, began, fence = [], first, None
    for number, line in enumerate([*text.splitlines(), ""], first):
        mark = snippets.FENCE.match(line)
        opens = mark and fence is None
        if mark and fence and mark["fence"].startswith(fence) and not mark["info"].strip():
            fence = None
            continue
        if opens:
            fence = mark["fence"]
        starts = re.match(r"\s*(?:[-*] |\d+\. |\?\?\?|!!!|#|\||>|--8<--|<|!\[)", line)
        if fence or not line.strip() or starts or opens:
            yield from _split(file, began, " ".join(paragraph))
            paragraph, began = [], number
        if fence or re.match(r"\s*(?:--8<--|<)|    (?:\./|\$ )", line):
            continue
        if line.lstrip().startswith("|"):
            for cell in line.strip().strip("|").split(" | "):
                yield from _split(file, number, cell)
            continue
        title = re.match(r'\s*(?:\?\?\?|!!!)\+? \w+ "(.*)"', line)
        if title or line.startswith("#"):
            yield from _split(file, number, title[1] if title else line.lstrip("# "))
            continue
        if line.strip():
            paragraph.append(re.sub(r"^\s*(?:[-*] |\d+\. |> )", "", line))
            began = began if len(paragraph) > 1 else number


def _manifest(lesson: Lesson) -> Iterator[Sentence]:
    file = lesson.folder / "lesson.toml"
    text = file.read_text(encoding="utf-8")
    content = tomllib.loads(text)
    said = [content["title"], *content["goals"]]
    for step in content.get("steps", []):
        said += [step["title"], *step["hints"]]
    for each in said:
        place = text.find(json.dumps(each, ensure_ascii=False)[1:40].rstrip('"'))
        yield from _split(file, text.count("\n", 0, max(place, 0)) + 1, each)


def _todos(file: Path) -> Iterator[Sentence]:
    """Return the comments that start with TODO, with the comment lines below them."""
    if not file.is_file():
        return
    comment, began = [], 0
    for number, line in enumerate([*file.read_text(encoding="utf-8").splitlines(), ""], 1):
        found = _COMMENT.match(line)
        if found and (comment or found[1].startswith("TODO")) and not (comment and "TODO" in found[1]):
            comment.append(re.sub(r"^TODO [\d.]+: ", "", found[1]))
            began = began or number
            continue
        yield from _split(file, began, " ".join(comment))
        comment, began = [], 0
        if found and found[1].startswith("TODO"):
            comment, began = [re.sub(r"^TODO [\d.]+: ", "", found[1])], number


def _strings(file: Path) -> Iterator[Sentence]:
    """Return the strings of a module that are prose: they contain a space and a lowercase word."""
    if not file.is_file():
        return
    tree = ast.parse(file.read_text(encoding="utf-8"))
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            text = node.value
        else:
            continue
        if re.search(r"[a-z]{2,} [a-z]", text) and not re.search(
            r"\n\S.*\n|^\s*(import|from|def|SELECT) ", text
        ):
            yield from _split(file, node.lineno, text)


def _exercises(lesson: Lesson) -> list[Path]:
    """Return the modules that check the exercises in the lesson's notebook."""
    from workshop.notebookkit.exercises import EXERCISES  # imported here, because it loads Celery

    numbers = [number for number in EXERCISES if number.startswith(f"{int(lesson.code)}.")]
    return sorted({_EXERCISES / f"{EXERCISES[number].partition('.')[0]}.py" for number in numbers})


def _notebook(file: Path) -> Iterator[Sentence]:
    if not file.is_file():
        return
    for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "markdown":
            yield from _paragraphs(file, "".join(cell["source"]))


def _drawing(file: Path) -> Iterator[Sentence]:
    for node in ElementTree.parse(file).iter():
        if node.tag.rpartition("}")[2] in ("title", "desc", "text") and node.text:
            yield from _split(file, 1, node.text)
