"""Generate the Markdown of a translated page, including its opening, links and notes on outdated sections."""

import posixpath
import re
from collections.abc import Callable
from types import ModuleType

from workshop.docsite import lesson_times, translations
from workshop.docsite.page_sections import HTML_LINK, LINK, TOP, sections
from workshop.docsite.snippets import LINE, fenced_lines
from workshop.docsite.translations import OPENING, State, Translation
from workshop.errors import WorkshopError


def generate(
    markdown: str,
    page: str,
    language: str,
    words: ModuleType,
    goals: list[str] | None,
    exists: Callable[[str], bool],
) -> str:
    """Return the Markdown of a translated page, with the generated parts in the page's language.

    Args:
        markdown: The page's Markdown, without its front matter.
        page: The path of the English page, relative to docs/.
        language: The language's code, such as "de".
        words: The module with the docs site's text in the page's language, such as `german`.
        goals: The lesson's goals in the page's language, if the page is a lesson.
        exists: A function that takes a path relative to docs/ and returns whether the file exists.

    Raises:
        WorkshopError: The page is a lesson but has no goals, or a file that the page needs cannot be read.
    """
    translation = Translation(language, f"docs/{page}", f"docs/{language}/{page}")

    def opening(match: re.Match) -> str:
        if not goals:
            raise WorkshopError(
                f"{translation.file} has no goals. List the goals in its front matter, under `goals`."
            )
        return lesson_times.opening(match[1], words.FACTS, goals)

    def link(match: re.Match) -> str:
        return link_target(match[0], page, language, exists)

    def translated(line: str) -> str:
        included = LINE.match(line)
        if included is None:
            line = LINK.sub(link, lesson_times.filled(line, words.FACTS))
            # A translated page is one folder deeper than the English page.
            return HTML_LINK.sub(r"../\g<0>", line) if line.lstrip().startswith("<") else line
        own = included["path"].replace("docs/", f"docs/{language}/", 1)
        is_drawing = own.endswith(".svg") and exists(own.removeprefix("docs/"))
        return line.replace(included["path"], own) if is_drawing else line

    lines = fenced_lines(OPENING.sub(opening, markdown).splitlines())
    text = "\n".join(line if is_fenced else translated(line) for line, is_fenced in lines)
    return _with_notes(text, translation, words)


def link_target(target: str, page: str, language: str, exists: Callable[[str], bool]) -> str:
    """Adapt a link target from the English page for a translated page.

    The result leads to the translation of the linked page, or to the English page if there is no translation.

    Args:
        target: The link target as it is written on the English page.
        page: The path of the English page, relative to docs/.
        language: The language of the translated page.
        exists: A function that takes a path relative to docs/ and returns whether the file exists.
    """
    path, mark, anchor = target.partition("#")
    if not path or ":" in path or path.startswith("/"):
        return target
    linked = posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
    if exists(f"{language}/{linked}"):
        linked = f"{language}/{linked}"
    return posixpath.relpath(linked, posixpath.dirname(f"{language}/{page}")) + mark + anchor


def _with_notes(markdown: str, translation: Translation, words: ModuleType) -> str:
    """Return the text with a note in each changed or removed section, and wherever a section is missing."""
    states = translations.states(translation)
    english = sections(translations.working_tree(translation.source))
    titles = {section.anchor: section.title for section in english}
    page = posixpath.relpath(translation.source, posixpath.dirname(translation.file))

    def address(anchor: str) -> str:
        return page if anchor == TOP else f"{page}#{anchor}"

    notes: dict[str, list[str]] = {}
    missing: dict[str, list[str]] = {}
    above = TOP
    for anchor, state in states.items():
        if state is State.MISSING:
            text = words.READ_MISSING.format(titles[anchor], address(anchor))
            missing.setdefault(above, []).extend(_note(words.MISSING, text))
            continue
        above = anchor
        if state is State.CHANGED:
            notes[anchor] = _note(words.CHANGED, words.READ_ENGLISH.format(address(anchor)))
        elif state is State.REMOVED:
            notes[anchor] = _note(words.REMOVED, words.READ_ENGLISH.format(page))
    lines: list[str] = []
    for section in sections(markdown):
        below = section.heading + 1
        lines += section.lines[:below]
        lines += notes.get(section.anchor, [])
        lines += section.lines[below:]
        lines += missing.get(section.anchor, [])
    return "\n".join(lines)


def _note(title: str, text: str) -> list[str]:
    return ["", f'!!! warning "{title}"', "", f"    {text}", ""]
