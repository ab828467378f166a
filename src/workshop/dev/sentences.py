"""Find the sentences that people read in the lessons, on the other pages and in the tool."""

import ast
import json
import random
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from workshop import paths
from workshop.course.lessons import Lesson
from workshop.docsite import snippets

_END = re.compile(r"(?<=[.?!])[\"')*_]*\s+(?=[\"'(*_`]*[A-Z0-9`])")
_PLACE = re.compile(r"\{\{.*?\}\}|\{ #[\w-]+ \}")
_EXERCISES = paths.SOURCES / "workshop/notebookkit/exercises"
"""The folder with the checks for the notebooks' exercises. Sentences in them belong to the lessons."""
_STARTS_PARAGRAPH = re.compile(r"\s*(?:[-*] |\d+\. |\?\?\?|!!!|#|\||>|--8<--|<|!\[)")
_NO_PROSE = re.compile(r"\s*(?:--8<--|<)|    (?:\./|\$ )")
_TITLE = re.compile(r'\s*(?:\?\?\?|!!!)\+? \w+ "(.*)"|#[# ]*(.*)')
_LIST_MARK = re.compile(r"^\s*(?:[-*] |\d+\. |> )")
_PROSE = re.compile(r"[a-z]{2,} [a-z]")
_CODE = re.compile(r"\n\S.*\n|^\s*(import|from|def|SELECT) ")
_COMMENT = re.compile(r"^\s*(?:#|//|\{#|/\*)\s?(.*?)\s*(?:#\}|\*/)?$")


@dataclass(frozen=True)
class Sentence:
    """A sentence in a file.

    Attributes:
        line: The line number at which the sentence's paragraph starts, counting from 1.
    """

    file: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{paths.shown(self.file)}:{self.line}  {self.text}"


def of_lesson(lesson: Lesson) -> list[Sentence]:
    """Return all sentences that a learner reads in a lesson."""
    todos = sorted({lesson.folder / name for step in lesson.steps for name in step.files})
    code = sorted((lesson.folder / "checks").glob("*.py"))
    code += _exercises(lesson)
    drawings = sorted((paths.DOCS / "lessons/img").glob(f"{lesson.code}-*.svg"))
    return [
        *_of(_markdown, [lesson.text, lesson.folder / "README.md"]),
        *_manifest(lesson),
        *_of(_todos, todos),
        *_of(_strings, code),
        *_of(_notebook, [paths.NOTEBOOKS / f"{lesson.name}.ipynb"]),
        *_of(_drawing, drawings),
    ]


def of_pages() -> list[Sentence]:
    """Return every sentence on the pages outside the lessons and in the drawings on these pages."""
    pages = [paths.ROOT / "README.md", paths.ROOT / "CONTRIBUTING.md", paths.DOCS / "index.md"]
    for folder in ("guides", "explanation", "reference", "numbers"):
        pages += sorted((paths.DOCS / folder).glob("*.md"))
    drawings = [file for file in sorted(paths.DOCS.glob("*/img/*.svg")) if file.parts[-3] != "lessons"]
    return [*_of(_markdown, pages), *_of(_drawing, drawings)]


def of_tool() -> list[Sentence]:
    """Return every sentence in the tool's help text, messages and docstrings."""
    files = sorted((paths.SOURCES / "workshop").rglob("*.py"))
    return list(_of(_strings, [file for file in files if file.parent != _EXERCISES]))


def sample(sentences: Iterable[Sentence], count: int, seed: int) -> list[Sentence]:
    """Draw sentences at random, without repeats, each with at least four words.

    Args:
        sentences: The sentences to draw from.
        count: The maximum number of sentences to draw.
        seed: The seed for the random numbers. The same seed always yields the same sentences.
    """
    known = {sentence.text: sentence for sentence in sentences if len(sentence.text.split()) >= 4}
    texts = random.Random(seed).sample(sorted(known), min(count, len(known)))
    return [known[text] for text in texts]


def _of(read: Callable[[Path], Iterator[Sentence]], files: Iterable[Path]) -> Iterator[Sentence]:
    """Yield the sentences that `read` finds in the files that exist."""
    for file in files:
        if file.is_file():
            yield from read(file)


def _split(file: Path, line: int, text: str) -> Iterator[Sentence]:
    """Yield the sentences in a paragraph."""
    text = " ".join(_PLACE.sub(" ", text).split())
    for sentence in _END.split(text):
        if re.search("[A-Za-z]{2}", sentence):
            yield Sentence(file, line, sentence)


def _markdown(file: Path) -> Iterator[Sentence]:
    yield from _paragraphs(file, file.read_text(encoding="utf-8"))


def _notebook(file: Path) -> Iterator[Sentence]:
    for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "markdown":
            yield from _paragraphs(file, "".join(cell["source"]))


def _paragraphs(file: Path, text: str) -> Iterator[Sentence]:
    """Yield the sentences in Markdown text, except in code blocks and includes.

    Each cell of a table is treated as a paragraph.
    """
    paragraph, first = [], 1
    for number, (line, is_fenced) in enumerate(snippets.fenced_lines([*text.splitlines(), ""]), 1):
        if is_fenced or not line.strip() or _STARTS_PARAGRAPH.match(line):
            yield from _split(file, first, " ".join(paragraph))
            paragraph = []
        if is_fenced or not line.strip() or _NO_PROSE.match(line):
            continue
        title = _TITLE.match(line)
        if line.lstrip().startswith("|"):
            for cell in line.strip().strip("|").split(" | "):
                yield from _split(file, number, cell)
        elif title:
            yield from _split(file, number, title[1] or title[2])
        else:
            first = first if paragraph else number
            paragraph.append(_LIST_MARK.sub("", line))


def _manifest(lesson: Lesson) -> Iterator[Sentence]:
    file = lesson.folder / "lesson.toml"
    text = file.read_text(encoding="utf-8")
    content = tomllib.loads(text)
    strings = [content["title"], *content["goals"]]
    for step in content.get("steps", []):
        strings += [step["title"], *step["hints"]]
    for string in strings:
        place = text.find(json.dumps(string, ensure_ascii=False)[1:40].rstrip('"'))
        yield from _split(file, text.count("\n", 0, max(place, 0)) + 1, string)


def _todos(file: Path) -> Iterator[Sentence]:
    """Yield the sentences in TODO comments, including the comment lines directly below each TODO."""
    todo, first = [], 0
    for number, line in enumerate([*file.read_text(encoding="utf-8").splitlines(), ""], 1):
        comment = _COMMENT.match(line)
        starts = comment and "TODO" in comment[1]
        if starts or not comment:
            yield from _split(file, first, " ".join(todo))
            todo, first = [], number
        if starts or (comment and todo):
            todo.append(re.sub(r"^TODO [\d.]+: ", "", comment[1]))


def _strings(file: Path) -> Iterator[Sentence]:
    """Yield the sentences in a module's prose strings. Prose contains two lowercase words in a row."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            text = node.value
        else:
            continue
        if _PROSE.search(text) and not _CODE.search(text):
            yield from _split(file, node.lineno, text)


def _exercises(lesson: Lesson) -> list[Path]:
    """Return the modules that check the exercises in the lesson's notebook."""
    from workshop.notebookkit.exercises import EXERCISES  # imported here, because the import loads Celery

    numbers = [number for number in EXERCISES if number.startswith(f"{int(lesson.code)}.")]
    return sorted({_EXERCISES / f"{EXERCISES[number].partition('.')[0]}.py" for number in numbers})


def _drawing(file: Path) -> Iterator[Sentence]:
    for node in ElementTree.parse(file).iter():
        if node.tag.rpartition("}")[2] in ("title", "desc", "text") and node.text:
            yield from _split(file, 1, node.text)
