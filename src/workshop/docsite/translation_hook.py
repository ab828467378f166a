"""An MkDocs hook that gives each translated folder, such as docs/de/, its own menus and search index.

`extra.alternate` in mkdocs.yml lists the languages. Each language has the same navigation as the English
site, with translated pages where they exist.
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

from workshop.docsite import german, translated_page
from workshop.errors import WorkshopError

LANGUAGES: dict[str, ModuleType] = {"de": german}
_INDEX = "search/search_index.json"
_PERMALINK = "Link to this section"


@dataclass
class _Build:
    """The files of the current build, and the navigation of each language."""

    files: Files = field(default_factory=lambda: Files([]))
    navs: dict[str, Navigation] = field(default_factory=dict)


_build = _Build()


def on_nav(nav, config, files):
    """Store the files, and create each language's navigation. MkDocs calls this once per build."""
    _build.files = files
    _build.navs = {language: _navigation(language, nav) for language in LANGUAGES}


def on_page_markdown(markdown, page, config, files):
    """Return the Markdown of a translated page, with the generated parts in the page's language.

    Raises:
        BuildError: The page is a lesson but has no goals, or a file that the page needs cannot be read.
    """
    language = language_of(page.file.src_uri)
    if language is None:
        return markdown
    try:
        return translated_page.generate(
            markdown,
            page.file.src_uri.removeprefix(f"{language}/"),
            language,
            LANGUAGES[language],
            page.meta.get("goals"),
            _build.files.src_uris.__contains__,
        )
    except WorkshopError as error:
        raise BuildError(str(error)) from None


def on_page_context(context, page, config, nav):
    """Give a page its own copies of the navigation and the settings, adapted to the page's language."""
    own = copy.copy(config)
    alternate = [
        entry | {"link": _in_language(page, entry["lang"]) or entry["link"]}
        for entry in config.extra["alternate"]
    ]
    own["extra"] = {**config.extra, "alternate": alternate}
    if language := language_of(page.file.src_uri):
        words = LANGUAGES[language]
        own.update(words.SITE)
        theme = own["theme"] = copy.deepcopy(config.theme)
        theme["language"] = language
        for scheme in theme["palette"]:
            toggle = scheme["toggle"]
            toggle["name"] = words.LABELS.get(toggle["name"], toggle["name"])
        context["nav"] = _build.navs[language]
    context["config"] = own
    return context


def on_post_page(output, page, config):
    """Adapt the HTML of a page to the page's language where the theme's templates don't do so."""
    output = _without_alternates(output)
    language = language_of(page.file.src_uri)
    if language is None:
        return output
    output = output.replace(f'title="{_PERMALINK}"', f'title="{LANGUAGES[language].LABELS[_PERMALINK]}"')
    # The search looks for its index below this address.
    home = posixpath.relpath(language, page.url)
    return re.sub(r'("__config".*?"base": ?)"[^"]*"', rf'\1"{home}"', output, count=1, flags=re.S)


def on_post_template(output_content, template_name, config):
    """Remove the links to other languages from pages without a Markdown source, such as 404.html."""
    return _without_alternates(output_content)


def on_post_build(config):
    """Give each language its own search index. English pages without a translation are in every index."""
    site = Path(config.site_dir)
    index = json.loads((site / _INDEX).read_text(encoding="utf-8"))
    entries: dict[str | None, list[dict]] = {language: [] for language in (None, *LANGUAGES)}
    for entry in index["docs"]:
        entries[language_of(entry["location"])].append(entry)
    _write_json(site / _INDEX, index | {"docs": entries[None]})
    for language in LANGUAGES:
        own = [_moved(entry, entry["location"].removeprefix(f"{language}/")) for entry in entries[language]]
        pages = {_page_of(entry) for entry in own}
        english = [
            _moved(entry, f"../{entry['location']}")
            for entry in entries[None]
            if _page_of(entry) not in pages
        ]
        settings = index["config"] | {"lang": [language]}
        _write_json(site / language / _INDEX, {"config": settings, "docs": own + english})


def language_of(path: str) -> str | None:
    """Return the language of a page, such as "de", or None for English.

    Args:
        path: The page's path relative to docs/, or its address on the site.
    """
    folder = path.partition("/")[0]
    return folder if folder in LANGUAGES else None


def _navigation(language: str, english: Navigation) -> Navigation:
    """Return a copy of the English navigation that links to the pages in `language` where they exist."""
    words = LANGUAGES[language]
    entries: list[Page | Link] = []

    def translated(item):
        title = words.NAVIGATION.get(item.title)
        if item.is_section:
            section = Section(title or item.title, [translated(child) for child in item.children])
            for child in section.children:
                child.parent = section
            return section
        path = f"{language}/{item.file.src_uri}" if item.is_page else ""
        if file := _build.files.get_file_from_path(path):
            entry = file.page
            if title:  # otherwise, MkDocs takes the title from the page's text
                entry.title = title
        else:
            entry = Link(words.ENGLISH_PAGE.format(item.title), item.url)
        entries.append(entry)
        return entry

    items = [translated(item) for item in english.items]
    for before, entry, after in zip([None, *entries], entries, [*entries[1:], None], strict=False):
        entry.previous_page, entry.next_page = before, after
    nav = Navigation(items, [entry for entry in entries if entry.is_page])
    # MkDocs regards only the page at the top of the site as a home page.
    nav.homepage = next(iter(nav.pages), english.homepage)
    return nav


def _without_alternates(html: str) -> str:
    """Return the HTML of a page without the links to other languages in its <head>.

    The theme's script expects such a link to lead to the home page of a language, and fetches a sitemap from
    a path below that page.
    """
    return re.sub(r'<link rel="alternate" href="[^"]*" hreflang="[^"]*">\s*', "", html)


def _in_language(page: Page, language: str) -> str | None:
    """Return the address of the page in `language`, or None if the page does not exist in that language."""
    path = page.file.src_uri
    if own := language_of(path):
        path = path.removeprefix(f"{own}/")
    if language in LANGUAGES:
        path = f"{language}/{path}"
    file = _build.files.get_file_from_path(path)
    return file.url if file else None


def _moved(entry: dict, location: str) -> dict:
    return entry | {"location": location}


def _page_of(entry: dict) -> str:
    """Return the address of the page that an entry in the search index belongs to."""
    return entry["location"].partition("#")[0]


def _write_json(file: Path, index: dict) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(index, separators=(",", ":")), encoding="utf-8")
