"""A hook of MkDocs: gives the pages in a folder such as docs/de/ menus and a search in their language.

`extra.alternate` in mkdocs.yml lists the languages. The navigation of a language is the English one, with
translated pages where they exist.
"""

import copy
import json
import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from mkdocs.exceptions import BuildError
from mkdocs.structure.files import Files
from mkdocs.structure.nav import Link, Navigation, Section
from mkdocs.structure.pages import Page

from workshop.docsite import german, lesson_times, translations
from workshop.docsite.snippets import LINE
from workshop.docsite.translations import State
from workshop.errors import WorkshopError

LANGUAGES: dict[str, ModuleType] = {"de": german}
_OPENING = re.compile(r'^--8<-- "workshop:opening\.(\d+)"$', re.M)
_INDEX = "search/search_index.json"


@dataclass
class _Site:
    """The site that is being built. `config` and `nav` are the English ones."""

    config: dict = field(default_factory=dict)
    nav: Navigation = field(default_factory=lambda: Navigation([], []))
    files: Files = field(default_factory=lambda: Files([]))
    navs: dict[str, Navigation] = field(default_factory=dict)


_site = _Site()


def on_config(config):
    """MkDocs calls this first in each build."""
    _site.config = {
        "site_name": config.site_name,
        "site_description": config.site_description,
        "palette": copy.deepcopy(config.theme["palette"]),
        "language": config.theme["language"],
        "alternate": copy.deepcopy(config.extra["alternate"]),
    }


def on_nav(nav, config, files):
    """MkDocs calls this once it knows the pages."""
    _site.nav, _site.files = nav, files


def on_page_markdown(markdown, page, config, files):
    """The Markdown of a translated page, with its generated parts in its language."""
    language = language_of(page.file.src_uri)
    if language is None:
        return markdown
    try:
        return _generated(markdown, page, language, LANGUAGES[language])
    except WorkshopError as error:
        raise BuildError(str(error)) from None


def on_env(env, config, files):
    """MkDocs calls this when each page has its title."""
    _site.navs = {language: _navigation(language) for language in LANGUAGES}


def on_page_context(context, page, config, nav):
    """The theme's settings and the navigation in the language of the page."""
    language = language_of(page.file.src_uri)
    words = LANGUAGES.get(language or "")
    labels = words.LABELS if words else {}
    for name in ("site_name", "site_description"):
        config[name] = words.SITE[name] if words else _site.config[name]
    config.theme["language"] = language or _site.config["language"]
    config.theme["palette"] = copy.deepcopy(_site.config["palette"])
    for scheme in config.theme["palette"]:
        scheme["toggle"]["name"] = labels.get(scheme["toggle"]["name"], scheme["toggle"]["name"])
    config.extra["alternate"] = [
        each | {"link": _in_language(page, each["lang"]) or each["link"]}
        for each in _site.config["alternate"]
    ]
    if language:
        context["nav"] = _site.navs[language]
    return context


def on_post_page(output, page, config):
    """What the theme's templates leave no place for."""
    output = _without_alternates(output)
    language = language_of(page.file.src_uri)
    if language is None:
        return output
    label = "Link to this section"
    output = output.replace(f'title="{label}"', f'title="{LANGUAGES[language].LABELS[label]}"')
    # The search looks for its index below this address.
    home = posixpath.relpath(language, page.url) if page.url != f"{language}/" else "."
    return re.sub(r'("__config".*?"base": ?)"[^"]*"', rf'\1"{home}"', output, count=1, flags=re.S)


def on_post_template(output_content, template_name, config):
    """MkDocs calls this for the pages that have no Markdown, such as 404.html."""
    return _without_alternates(output_content)


def on_post_build(config):
    """Give each language its own search index. English pages without a translation are in each of them."""
    file = Path(config.site_dir) / _INDEX
    index = json.loads(file.read_text(encoding="utf-8"))
    entries = index["docs"]
    english = [each for each in entries if language_of(each["location"]) is None]
    _write(file, index | {"docs": english})
    for language in LANGUAGES:
        own = [each for each in entries if language_of(each["location"]) == language]
        pages = {_page(each).removeprefix(f"{language}/") for each in own}
        found = [each | {"location": each["location"].removeprefix(f"{language}/")} for each in own]
        found += [
            each | {"location": f"../{each['location']}"} for each in english if _page(each) not in pages
        ]
        settings = index["config"] | {"lang": [language]}
        _write(Path(config.site_dir) / language / _INDEX, {"config": settings, "docs": found})


def language_of(path: str) -> str | None:
    """The language of a page below docs/ or of its address, such as "de"; None for English."""
    folder = path.partition("/")[0]
    return folder if folder in LANGUAGES else None


def _generated(markdown: str, page: Page, language: str, words: ModuleType) -> str:
    source = page.file.src_uri.removeprefix(f"{language}/")
    translation = translations.Translation(language, f"docs/{source}", f"docs/{page.file.src_uri}")

    def opening(found: re.Match) -> str:
        goals = page.meta.get("goals")
        if not goals:
            raise WorkshopError(
                f"{translation.file} has no goals. List them in its front matter, as `goals`."
            )
        return lesson_times.opening(found[1], words.FACTS, goals)

    def link(found: re.Match) -> str:
        exists = _site.files.src_uris.__contains__
        return translations.in_translation(found[0], source, language, exists)

    def line(text: str) -> str:
        included = LINE.match(text)
        if included is None:
            text = translations.LINK.sub(link, lesson_times.filled(text, words.FACTS))
            # The address of a translated page is one folder deeper.
            return translations.HTML_LINK.sub(r"../\g<0>", text) if text.lstrip().startswith("<") else text
        own = included["path"].replace("docs/", f"docs/{language}/", 1)
        drawn = own.endswith(".svg") and own.removeprefix("docs/") in _site.files.src_uris
        return text.replace(included["path"], own) if drawn else text

    text = translations.outside_fences(_OPENING.sub(opening, markdown), line)
    return _with_notes(text, translation, words)


def _with_notes(markdown: str, translation: translations.Translation, words: ModuleType) -> str:
    """The text with a note in each section whose English text has changed, and for each missing section."""
    english = translations.sections(translations.working_tree(translation.source))
    titles = {section.anchor: section.title for section in english}
    page = posixpath.relpath(translation.source, posixpath.dirname(translation.file))
    states = translations.states(translation)

    def note(title: str, text: str) -> list[str]:
        return ["", f'!!! warning "{title}"', "", f"    {text}", ""]

    def address(anchor: str) -> str:
        return page if anchor in (translations.TOP, "") else f"{page}#{anchor}"

    missing: dict[str, list[str]] = {}
    above = translations.TOP
    for anchor, state in states.items():
        if state is State.MISSING:
            text = words.READ_MISSING.format(titles[anchor], address(anchor))
            missing.setdefault(above, []).extend(note(words.MISSING, text))
        else:
            above = anchor
    found: list[str] = []
    for section in translations.sections(markdown):
        lines = list(section.lines)
        below = 1 + next(
            place for place, line in enumerate(lines) if line.startswith("#" * section.level + " ")
        )
        if states[section.anchor] is State.CHANGED:
            lines[below:below] = note(words.CHANGED, words.READ_ENGLISH.format(address(section.anchor)))
        elif states[section.anchor] is State.REMOVED:
            lines[below:below] = note(words.REMOVED, words.READ_ENGLISH.format(page))
        found += [*lines, *missing.get(section.anchor, [])]
    return "\n".join(found)


def _navigation(language: str) -> Navigation:
    """The English navigation, with the pages of `language` where they exist."""
    words = LANGUAGES[language]
    entries: list[Page | Link] = []

    def translated(item):
        if item.is_section:
            title = words.NAVIGATION.get(item.title, item.title)
            section = Section(title, [translated(child) for child in item.children])
            for child in section.children:
                child.parent = section
            return section
        file = _site.files.get_file_from_path(f"{language}/{item.file.src_uri}") if item.is_page else None
        if file is None:
            entry = Link(words.ENGLISH_PAGE.format(item.title), item.url)
        else:
            entry = file.page
            entry.title = words.NAVIGATION.get(item.title, entry.title)
        entries.append(entry)
        return entry

    items = [translated(item) for item in _site.nav.items]
    pages = [entry for entry in entries if isinstance(entry, Page)]
    for before, entry, after in zip([None, *entries], entries, [*entries[1:], None], strict=False):
        if isinstance(entry, Page):
            entry.previous_page, entry.next_page = before, after
    nav = Navigation(items, pages)
    nav.homepage = pages[0] if pages else _site.nav.homepage
    return nav


def _without_alternates(html: str) -> str:
    """`html` without the links in its head to other languages.

    The theme's script expects the home page of a language in such a link, and fetches a sitemap below it.
    """
    return re.sub(r'<link rel="alternate" href="[^"]*" hreflang="[^"]*">\s*', "", html)


def _in_language(page: Page, language: str) -> str | None:
    """The address of the page in `language`; None if it is not translated."""
    path = page.file.src_uri
    if own := language_of(path):
        path = path.removeprefix(f"{own}/")
    if language in LANGUAGES:
        path = f"{language}/{path}"
    file = _site.files.get_file_from_path(path)
    return file.url if file else None


def _page(entry: dict) -> str:
    """The address of the page that an entry of the search index is about."""
    return entry["location"].partition("#")[0]


def _write(file: Path, index: dict) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(index, separators=(",", ":")), encoding="utf-8")
