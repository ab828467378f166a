"""Translated pages: which there are, and which of their sections are older than the English text.

docs/de/lessons/01-sync.md is the German edition of docs/lessons/01-sync.md, and README.de.md is that of
README.md. A section starts at a heading, which has the same anchor in both languages: `## Das Problem
{ #the-problem }`. The section of the page's title is called `top`. For each section,
docs/de/translated-from.toml holds a hash of the English text that was translated.
"""

import hashlib
import json
import posixpath
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from markdown.extensions.toc import slugify

from workshop import paths
from workshop.course import lessons
from workshop.docsite.snippets import FENCE, LINE
from workshop.errors import WorkshopError
from workshop.system import atomic_file

COMMAND = "./workshop dev translations"
TOP = "top"
RECORD = "translated-from.toml"
_HEADER = f"""\
# For each section, a hash of the English text that it was translated from.
# This file is written by: {COMMAND} PAGE#SECTION --mark

"""
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.S)
_HEADING = re.compile(r'(#{1,6}) +(.*?)(?: *(?:\{ *#([\w-]+) *\}|<a id="([\w-]+)"></a>))? *$')
_OPENING = re.compile(r'^--8<-- "workshop:opening\.(\d+)"$', re.M)
_DRAWING = re.compile(r'^--8<-- "([^"]+\.svg)"$', re.M)
_CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.S)
LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=[)\s])")
HTML_LINK = re.compile(r'(?<=src="|ref="|set=")(?![a-z]+:|[#/])[^"]+(?=")')
"""A relative address in HTML, which MkDocs leaves as it is: in src, href or srcset."""

Read = Callable[[str], str]
"""Returns the text of a file, by its path below the repository. Raises OSError if there is no such file."""


class State(StrEnum):
    """How a section of a translated page compares to the English section with the same anchor."""

    CURRENT = "up to date"
    CHANGED = "English changed"
    MISSING = "not translated"
    REMOVED = "English removed"
    UNMARKED = "not marked"


@dataclass(frozen=True)
class Section:
    """A heading and the text below it, up to the next heading. The first one also has the text before it."""

    anchor: str
    title: str
    level: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass(frozen=True)
class Translation:
    """A page in another language. `source` and `file` are paths below the repository."""

    language: str
    source: str
    file: str

    @property
    def name(self) -> str:
        """The name on the command line: lessons/01-sync."""
        return self.source.removeprefix("docs/").removesuffix(".md")

    @property
    def record(self) -> Path:
        """The file with the hashes."""
        return paths.DOCS / self.language / RECORD


def languages() -> list[str]:
    """The languages that have a folder in docs/, such as "de"."""
    return sorted(folder.name for folder in paths.DOCS.glob("[a-z][a-z]") if folder.is_dir())


def all_translations() -> list[Translation]:
    """Every translated page, in the order of its path. A new file is enough to add one."""
    found = []
    for language in languages():
        folder = paths.DOCS / language
        for file in sorted(folder.rglob("*.md")):
            page = file.relative_to(folder).as_posix()
            found.append(Translation(language, f"docs/{page}", f"docs/{language}/{page}"))
        if (paths.ROOT / f"README.{language}.md").is_file():
            found.append(Translation(language, "README.md", f"README.{language}.md"))
    return found


def find(name: str) -> list[Translation]:
    """The translations of the page `name` ("lessons/01-sync", or a path); all of them if `name` is empty.

    Raises WorkshopError, with the pages there are, if no page has that name.
    """
    every = all_translations()
    wanted = name.removesuffix(".md").removeprefix("docs/")
    found = [
        each
        for each in every
        if not name or wanted in (each.name, each.file.removeprefix("docs/").removesuffix(".md"))
    ]
    if not found:
        known = "\n".join(f"  {each.name}" for each in every) or "  (none)"
        raise WorkshopError(f"{name} is not a translated page. These pages are translated:\n{known}")
    return found


def working_tree(path: str) -> str:
    """The text of the file `path` below the repository. Raises OSError if there is no such file."""
    return (paths.ROOT / path).read_text(encoding="utf-8")


def sections(text: str) -> list[Section]:
    """The sections of a Markdown text. Front matter is left out."""
    starts: list[tuple[int, re.Match]] = []
    lines = _FRONT_MATTER.sub("", text).splitlines()
    for number, line, fenced in _fenced(lines):
        heading = None if fenced else _HEADING.match(line)
        if heading:
            starts.append((number, heading))
    found: list[Section] = []
    ends = [number for number, _ in starts[1:]] + [len(lines)]
    for (start, heading), end in zip(starts, ends, strict=True):
        marks, title, *anchors = heading.groups()
        anchor = next(filter(None, anchors), None) or slugify(title.replace("`", ""), "-")
        anchor = TOP if len(marks) == 1 else anchor
        found.append(Section(anchor, title, len(marks), tuple(lines[start if found else 0 : end])))
    return found


def originals(source: str, read: Read = working_tree) -> dict[str, str]:
    """Anchor -> English text of each section of the page `source`.

    Includes the goals of the lesson and the words of the drawings, because they are translated too.
    Raises OSError if the page or a file that it includes is missing.
    """
    return {section.anchor: _with_words(section.text, read) for section in sections(read(source))}


def digest(text: str) -> str:
    """A short hash of the words of `text`. Line breaks don't count."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:12]


def recorded(translation: Translation) -> dict[str, str]:
    """Anchor -> hash of the English text that the section was translated from."""
    return _records(translation.record).get(translation.source, {})


def states(translation: Translation) -> dict[str, State]:
    """Anchor -> state, in the order of the English page. Sections that only the translation has are last."""
    english = {anchor: digest(text) for anchor, text in _english(translation).items()}
    translated = [section.anchor for section in sections(working_tree(translation.file))]
    known = recorded(translation)
    found = {}
    for anchor, now in english.items():
        if anchor not in translated:
            found[anchor] = State.MISSING
        elif anchor not in known:
            found[anchor] = State.UNMARKED
        else:
            found[anchor] = State.CURRENT if known[anchor] == now else State.CHANGED
    for anchor in translated:
        if anchor not in english:
            found[anchor] = State.REMOVED if anchor in known else State.UNMARKED
    return found


def mark(translation: Translation, anchors: Iterable[str]) -> None:
    """Record that these sections now say what the English sections say.

    Raises WorkshopError if only one of the two pages has a section, or if a section differs from the English
    one in what is not translated.
    """
    wanted, state = list(anchors), states(translation)
    for anchor in wanted:
        if anchor not in state:
            known = "\n".join(f"  {each}" for each in state)
            raise WorkshopError(f"{translation.file} has no section {anchor}. Its sections:\n{known}")
        if state[anchor] is State.MISSING:
            raise WorkshopError(f"{translation.file} has no section {anchor} yet. Translate it first.")
        if state[anchor] is State.REMOVED:
            raise WorkshopError(
                f"{translation.source} has no section {anchor} anymore. Delete the translation."
            )
    if found := differences(translation, set(wanted)):
        raise WorkshopError("Nothing was marked, because the pages differ:\n" + "\n".join(found))
    english = _english(translation)
    hashes = recorded(translation) | {anchor: digest(english[anchor]) for anchor in wanted}
    # In the order of the English page, so that a change of one section changes one line.
    ordered = {anchor: hashes[anchor] for anchor in state if anchor in hashes}
    _write(translation.record, _records(translation.record) | {translation.source: ordered})


def differences(translation: Translation, checked: set[str] | None = None) -> list[str]:
    """How a translated page differs from the English page in what is not translated, as sentences.

    Compares included files, commands, inline code, links, step numbers, boxes and table rows. Ignores
    sections whose English text has changed.

    checked: the sections to compare, whatever their state. Default: those that are up to date or not marked.
    """
    state = states(translation)
    if checked is None:
        checked = {anchor for anchor, each in state.items() if each in (State.CURRENT, State.UNMARKED)}
    english = {section.anchor: section for section in sections(working_tree(translation.source))}
    translated = {section.anchor: section for section in sections(working_tree(translation.file))}
    found = []
    for anchor in translated:
        place = f"{translation.file}#{anchor}"
        if anchor not in checked:
            continue
        if anchor not in english:
            found.append(f"{place}: the English page has no section with this anchor.")
        else:
            mine, theirs = shape(translated[anchor]), shape(english[anchor])
            found += [
                f"{place}: {part} differ. English: {theirs[part]}, translation: {mine[part]}."
                for part in mine
                if mine[part] != theirs[part]
            ]
    common = [anchor for anchor in english if anchor in translated]
    if common != [anchor for anchor in translated if anchor in english]:
        found.append(f"{translation.file}: the sections are in another order than on the English page.")
    return found


def shape(section: Section) -> dict[str, list[str]]:
    """What a section has in every language, by kind.

    Inline code and links are sorted and listed once, because languages differ in the order of words.
    """
    prose, includes, commands = [], [], []
    for _, line, fenced in _fenced(section.lines):
        if included := LINE.match(line):
            includes.append(":".join(filter(None, (included["path"], included["symbol"]))))
        elif fenced:
            commands.append(re.sub(r"\s+# .*", "", line.strip()))
        else:
            prose.append(line)
    text = "\n".join(prose)
    links = {*LINK.findall(text), *HTML_LINK.findall(text)}
    number = re.match(r"[\d.]+(?= ·)", section.title)
    return {
        "heading levels": ["#" * section.level],
        "step numbers": [number[0]] if number else [],
        "included files": includes,
        "commands": commands,
        "generated values": sorted(re.findall(r"\{\{ .+? \}\}", text)),
        "inline code": sorted({" ".join(code[1].split()) for code in _CODE.findall(text)}),
        "links": sorted(links),
        "boxes": re.findall(r"^ *(?:\?\?\?\+?|!!!) (\w+)", text, re.M),
        "table rows": [str(sum(line.lstrip().startswith("|") for line in prose))],
    }


def in_translation(target: str, page: str, language: str, exists: Callable[[str], bool]) -> str:
    """The target of a link on a translated page, which is written as on the English page.

    Leads to the translation if there is one, else to the English page.

    page: the English page below docs/. exists: whether there is such a file below docs/.
    """
    path, mark, anchor = target.partition("#")
    if not path or ":" in path or path.startswith("/"):
        return target
    wanted = posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
    if exists(f"{language}/{wanted}"):
        wanted = f"{language}/{wanted}"
    return posixpath.relpath(wanted, posixpath.dirname(f"{language}/{page}")) + mark + anchor


def outside_fences(text: str, change: Callable[[str], str]) -> str:
    """`text` with `change` applied to each line that is not inside a fenced block."""
    return "\n".join(line if fenced else change(line) for _, line, fenced in _fenced(text.splitlines()))


def _english(translation: Translation) -> dict[str, str]:
    try:
        return originals(translation.source)
    except OSError as error:
        raise WorkshopError(
            f"{translation.file} is a translation of {translation.source}, but {error.filename} cannot be "
            f"read ({error.strerror}). Was it renamed? Then rename the translation too."
        ) from None


def _with_words(text: str, read: Read) -> str:
    """`text` with the goals of a lesson and the words of drawings in place of the lines that include them."""

    def goals(found: re.Match) -> str:
        folder = lessons.find(found[1]).folder.relative_to(paths.ROOT).as_posix()
        return "\n".join(tomllib.loads(read(f"{folder}/lesson.toml"))["goals"])

    def words(found: re.Match) -> str:
        return "\n".join(re.findall(r">\s*([^<>]*\w[^<>]*?)\s*<", read(found[1])))

    return _DRAWING.sub(words, _OPENING.sub(goals, text))


def _fenced(lines: Iterable[str]) -> Iterator[tuple[int, str, bool]]:
    """The number of each line from 0, the line, and whether it is part of a fenced block."""
    fence = None
    for number, line in enumerate(lines):
        mark = FENCE.match(line)
        if fence is None and mark:
            fence = mark["fence"]
            yield number, line, True
        elif fence and mark and mark["fence"].startswith(fence) and not mark["info"].strip():
            fence = None
            yield number, line, True
        else:
            yield number, line, fence is not None


def _records(file: Path) -> dict[str, dict[str, str]]:
    if not file.is_file():
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WorkshopError(f"{paths.shown(file)} cannot be read: {error}.") from None


def _write(file: Path, records: dict[str, dict[str, str]]) -> None:
    parts = [
        f"[{json.dumps(page)}]\n" + "".join(f'{anchor} = "{each}"\n' for anchor, each in hashes.items())
        for page, hashes in sorted(records.items())
    ]
    atomic_file.write_text(file, _HEADER + "\n".join(parts), temporary_folder=paths.STATE)
