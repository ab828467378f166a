"""Find the translated pages and the sections whose English text has changed since the translation.

docs/de/lessons/01-sync.md is the German translation of docs/lessons/01-sync.md, and README.de.md is the
German translation of README.md. A section has the same anchor in both languages. For each section,
docs/de/translated-from.toml contains a hash of the English text that was translated.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from workshop import paths
from workshop.course import lessons
from workshop.docsite.page_sections import sections, untranslated_parts
from workshop.errors import WorkshopError
from workshop.system import atomic_file

COMMAND = "./workshop dev translations"
OPENING = re.compile(r'^--8<-- "workshop:opening\.(\d+)"$', re.M)
_HEADER = f"""\
# For each section, a hash of the English text that it was translated from.
# This file is written by: {COMMAND} PAGE#SECTION --mark

"""
_DRAWING = re.compile(r'^--8<-- "([^"]+\.svg)"$', re.M)

Read = Callable[[str], str]
"""A function that takes a path relative to the repository and returns the text of the file.

The function raises OSError if the file doesn't exist.
"""


class State(StrEnum):
    """How a section of a translated page compares to the English section with the same anchor."""

    CURRENT = "up to date"
    CHANGED = "English changed"
    MISSING = "not translated"
    REMOVED = "English removed"
    UNMARKED = "not marked"


@dataclass(frozen=True)
class Translation:
    """A page in another language.

    Attributes:
        language: The language's code, such as "de".
        source: The path of the English page, relative to the repository.
        file: The path of the translated page, relative to the repository.
    """

    language: str
    source: str
    file: str

    @property
    def name(self) -> str:
        """The page's name on the command line, such as lessons/01-sync."""
        return _name(self.source)

    @property
    def record(self) -> Path:
        """The file that contains the hashes for the pages in this language."""
        return paths.DOCS / self.language / "translated-from.toml"


def languages() -> list[str]:
    """Return the codes of the languages that have a folder in docs/, such as "de"."""
    return sorted(folder.name for folder in paths.DOCS.glob("[a-z][a-z]") if folder.is_dir())


def all_translations() -> list[Translation]:
    """Return all translated pages, sorted by path. A page counts as translated if its file exists."""
    pages = []
    for language in languages():
        folder = paths.DOCS / language
        for file in sorted(folder.rglob("*.md")):
            page = file.relative_to(folder).as_posix()
            pages.append(Translation(language, f"docs/{page}", f"docs/{language}/{page}"))
        if (paths.ROOT / f"README.{language}.md").is_file():
            pages.append(Translation(language, "README.md", f"README.{language}.md"))
    return pages


def find(name: str) -> list[Translation]:
    """Return the translations of a page.

    Args:
        name: A name such as "lessons/01-sync", or a path. An empty string means all pages.

    Raises:
        WorkshopError: No translated page has this name. The error message lists the translated pages.
    """
    pages = all_translations()
    matching = [page for page in pages if not name or _name(name) in (page.name, _name(page.file))]
    if not matching:
        known = "\n".join(f"  {page.name}" for page in pages) or "  (none)"
        raise WorkshopError(f"{name} is not a translated page. These pages are translated:\n{known}")
    return matching


def working_tree(path: str) -> str:
    """Return the current text of a file, whose path is relative to the repository.

    Raises:
        OSError: The file doesn't exist.
    """
    return (paths.ROOT / path).read_text(encoding="utf-8")


def originals(source: str, read: Read = working_tree) -> dict[str, str]:
    """Return the English text of each section of a page, by anchor.

    The text includes the lesson's goals and the words in its drawings, because goals and drawings are
    translated.

    Args:
        source: The path of the English page, relative to the repository.
        read: A function that reads the page and the files that the page includes.

    Raises:
        OSError: The page or a file that it includes is missing.
    """
    return {section.anchor: _with_words(section.text, read) for section in sections(read(source))}


def digest(text: str) -> str:
    """Return a short hash of the words in `text`. Line breaks do not affect the hash."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:12]


def recorded(translation: Translation) -> dict[str, str]:
    """Return the hash of the English text that each section was translated from, by anchor."""
    return _records(translation.record).get(translation.source, {})


def states(translation: Translation) -> dict[str, State]:
    """Return the state of each section by anchor, in the order of the English page.

    Sections that exist only in the translation come last.
    """
    english = _digests(translation)
    translated = [section.anchor for section in sections(working_tree(translation.file))]
    known = recorded(translation)
    result = {}
    for anchor in [*english, *translated]:
        if anchor not in translated:
            result[anchor] = State.MISSING
        elif anchor not in known:
            result[anchor] = State.UNMARKED
        elif anchor not in english:
            result[anchor] = State.REMOVED
        elif known[anchor] == english[anchor]:
            result[anchor] = State.CURRENT
        else:
            result[anchor] = State.CHANGED
    return result


def mark(translation: Translation, anchors: Collection[str]) -> None:
    """Record that sections of a translated page are up to date with the English page.

    Args:
        translation: The translated page.
        anchors: The anchors of the sections to mark.

    Raises:
        WorkshopError: A section is missing from the translated page or from the English page, or a part that
            must not be translated differs between the pages.
    """
    state = states(translation)
    for anchor in anchors:
        if anchor not in state:
            known = "\n".join(f"  {name}" for name in state)
            raise WorkshopError(f"{translation.file} has no section {anchor}. Its sections:\n{known}")
        if state[anchor] is State.MISSING:
            raise WorkshopError(f"{translation.file} has no section {anchor} yet. Translate it first.")
        if state[anchor] is State.REMOVED:
            raise WorkshopError(
                f"{translation.source} has no section {anchor} anymore. Delete the translation."
            )
    if different := differences(translation, anchors):
        raise WorkshopError("Nothing was marked, because the pages differ:\n" + "\n".join(different))
    english = _digests(translation)
    hashes = recorded(translation) | {anchor: english[anchor] for anchor in anchors}
    # Keep the order of the English page, so that marking one section changes only one line.
    ordered = {anchor: hashes[anchor] for anchor in state if anchor in hashes}
    _write(translation.record, _records(translation.record) | {translation.source: ordered})


def differences(translation: Translation, checked: Collection[str] | None = None) -> list[str]:
    """Return a sentence for each difference between a translated page and the English page.

    Only parts that must not be translated are compared, such as included files, commands, inline code, links,
    step numbers, boxes and table rows.

    Args:
        translation: The translated page.
        checked: The anchors of the sections to compare. Default: the sections that are up to date or not
            marked. Other sections are expected to differ, because their English text has changed.
    """
    if checked is None:
        state = states(translation)
        checked = [anchor for anchor in state if state[anchor] in (State.CURRENT, State.UNMARKED)]
    english = {section.anchor: section for section in sections(working_tree(translation.source))}
    translated = {section.anchor: section for section in sections(working_tree(translation.file))}
    sentences = []
    for anchor, section in translated.items():
        place = f"{translation.file}#{anchor}"
        if anchor not in checked:
            continue
        if anchor not in english:
            sentences.append(f"{place}: the English page has no section with this anchor.")
            continue
        theirs = untranslated_parts(english[anchor])
        for part, ours in untranslated_parts(section).items():
            if ours != theirs[part]:
                sentences.append(
                    f"{place}: the pages differ in their {part}. "
                    f"English: {theirs[part]}, translation: {ours}."
                )
    common = [anchor for anchor in english if anchor in translated]
    if common != [anchor for anchor in translated if anchor in english]:
        sentences.append(
            f"{translation.file}: the sections are in a different order than on the English page."
        )
    return sentences


def _name(path: str) -> str:
    return path.removeprefix("docs/").removesuffix(".md")


def _digests(translation: Translation) -> dict[str, str]:
    """Return the hash of each English section, by anchor.

    Raises:
        WorkshopError: The English page or a file that it includes is missing.
    """
    try:
        return {anchor: digest(text) for anchor, text in originals(translation.source).items()}
    except OSError as error:
        raise WorkshopError(
            f"{translation.file} is a translation of {translation.source}, but {error.filename} cannot be "
            f"read ({error.strerror}). If the file was renamed, rename the translation too."
        ) from None


def _with_words(text: str, read: Read) -> str:
    """Expand each line that includes a lesson's opening or a drawing into the words to translate.

    An opening becomes the lesson's goals, and a drawing becomes the words in the drawing.
    """

    def goals(match: re.Match) -> str:
        folder = lessons.find(match[1]).folder.relative_to(paths.ROOT).as_posix()
        return "\n".join(tomllib.loads(read(f"{folder}/lesson.toml"))["goals"])

    def words(match: re.Match) -> str:
        return "\n".join(re.findall(r">\s*([^<>]*\w[^<>]*?)\s*<", read(match[1])))

    return _DRAWING.sub(words, OPENING.sub(goals, text))


def _records(file: Path) -> dict[str, dict[str, str]]:
    if not file.is_file():
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WorkshopError(f"{paths.shown(file)} cannot be read: {error}.") from None


def _write(file: Path, records: dict[str, dict[str, str]]) -> None:
    text = _HEADER
    for page, hashes in sorted(records.items()):
        lines = [f"{anchor} = {json.dumps(hash)}" for anchor, hash in hashes.items()]
        text += "\n".join([f"[{json.dumps(page)}]", *lines, "", ""])
    atomic_file.write_text(file, text.rstrip("\n") + "\n", temporary_folder=paths.STATE)
