"""Translated pages: what they share with the English pages, and how an English change shows."""

import json
import re
import subprocess
from html.parser import HTMLParser

import pytest
from docs_build import build, copy_sources
from files import edit, write
from printed_text import in_one_line

from workshop import paths
from workshop.dev import translations as command
from workshop.docsite import german, lesson_times, page_sections, translated_page, translations
from workshop.docsite.translations import State
from workshop.errors import WorkshopError

each_translation = pytest.mark.parametrize(
    "translation", translations.all_translations(), ids=lambda translation: translation.file
)


@each_translation
def test_translation_differs_only_in_its_words(translation):
    """A section whose English text has changed may differ: an English editor need not know the language."""
    assert translations.differences(translation) == []


@each_translation
def test_translation_is_recorded(translation):
    unmarked = [
        anchor for anchor, state in translations.states(translation).items() if state is State.UNMARKED
    ]
    assert unmarked == [], f"run {translations.COMMAND} {translation.name}#{unmarked[0]} --mark"


def test_home_and_first_lesson_are_german():
    assert {"docs/de/index.md", "docs/de/lessons/01-sync.md"} <= {
        each.file for each in translations.all_translations()
    }


ENGLISH = """\
# A page

About it.

--8<-- "workshop:opening.01"

## Steps

--8<-- "docs/lessons/img/01-way.svg"

### 1.1 · Resize { #step-1-1 }

{{ minutes 1.1 }} Call `fit()` on the page [Start](../index.md):

```console
$ ./workshop up    # starts the site
```

--8<-- "lessons/01-sync/resizing.py:fit"

??? info "Why?"

    | a | b |
    | --- | --- |
    | 1 | 2 |

<img src="img/way.png" alt="The way">

## The end

Done.
"""
GERMAN = """\
---
goals: [Bilder verkleinerst]
---

# Eine Seite

Worum es geht.

--8<-- "workshop:opening.01"

## Schritte { #steps }

--8<-- "docs/lessons/img/01-way.svg"

### 1.1 · Verkleinern { #step-1-1 }

{{ minutes 1.1 }} Ruf auf der Seite [Start](../index.md) die Funktion `fit()` auf:

```console
$ ./workshop up    # startet die Site
```

--8<-- "lessons/01-sync/resizing.py:fit"

??? info "Warum?"

    | a | b |
    | --- | --- |
    | 1 | 2 |

<img src="img/way.png" alt="Der Weg">

## Das Ende { #the-end }

Fertig.
"""
MANIFEST = """\
title = "One"
reading = 1
goals = ["resize pictures"]
changed = []
"""
DRAWING = '<svg><title>The way</title><rect width="1"/><text x="1">there</text></svg>\n'
FILES = {
    "docs/lessons/01-sync.md": ENGLISH,
    "docs/de/lessons/01-sync.md": GERMAN,
    "docs/lessons/img/01-way.svg": DRAWING,
    "lessons/01-sync/lesson.toml": MANIFEST,
}


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """A page and its translation, which is up to date."""
    for name, folder in (("ROOT", ""), ("DOCS", "docs"), ("LESSONS", "lessons"), ("STATE", ".workshop")):
        monkeypatch.setattr(paths, name, tmp_path / folder)
    write(tmp_path, FILES)
    (pair,) = translations.all_translations()
    translations.mark(pair, translations.states(pair))
    return pair


def outdated(pair):
    return {
        anchor: state for anchor, state in translations.states(pair).items() if state is not State.CURRENT
    }


def test_marked_translation_is_up_to_date(pair):
    assert list(translations.states(pair)) == ["top", "steps", "step-1-1", "the-end"]
    assert outdated(pair) == {}
    assert translations.differences(pair) == []


@pytest.mark.parametrize(
    ("path", "before", "after", "found"),
    [
        ("docs/lessons/01-sync.md", "Done.", "Finished.", {"the-end": State.CHANGED}),
        ("docs/lessons/01-sync.md", "· Resize", "· Shrink", {"step-1-1": State.CHANGED}),
        ("docs/lessons/01-sync.md", "About it.", "About\nit.", {}),
        ("docs/lessons/01-sync.md", "# A page", "# This page", {"top": State.CHANGED}),
        ("lessons/01-sync/lesson.toml", "resize pictures", "resize photos", {"top": State.CHANGED}),
        ("docs/lessons/img/01-way.svg", "there", "back", {"steps": State.CHANGED}),
        ("docs/lessons/img/01-way.svg", 'width="1"', 'width="2"', {}),
        ("docs/lessons/01-sync.md", "## The end", "## More\n\n## The end", {"more": State.MISSING}),
        ("docs/lessons/01-sync.md", "\n## The end\n\nDone.\n", "", {"the-end": State.REMOVED}),
        (
            "docs/lessons/01-sync.md",
            "## The end",
            "## Its end",
            {"its-end": State.MISSING, "the-end": State.REMOVED},
        ),
    ],
)
def test_english_change_is_found_and_is_no_difference(pair, path, before, after, found):
    edit(paths.ROOT / path, (before, after))
    assert outdated(pair) == found
    assert translations.differences(pair) == []


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("{ #the-end }", "", "no section with this anchor"),
        ("{ #the-end }", "{ #end }", "no section with this anchor"),
        ("### 1.1 ·", "### 1.2 ·", "differ in their step numbers. English: ['1.1'], translation: ['1.2']"),
        ("### 1.1 ·", "## 1.1 ·", "differ in their heading levels"),
        ("resizing.py:fit", "resizing.py:fitted", "differ in their included files"),
        ("$ ./workshop up ", "$ ./workshop down ", "differ in their commands"),
        ("`fit()`", "`fitted()`", "differ in their inline code"),
        ("../index.md", "../start.md", "differ in their links"),
        ("img/way.png", "img/other.png", "differ in their links"),
        ("{{ minutes 1.1 }} ", "", "differ in their generated values"),
        ("??? info", "??? note", "differ in their boxes"),
        ("    | 1 | 2 |\n", "", "differ in their table rows"),
    ],
)
def test_difference_is_found_and_cannot_be_marked(pair, before, after, says):
    edit(paths.ROOT / pair.file, (before, after))
    assert says in "\n".join(translations.differences(pair))
    if "anchor" not in says:
        with pytest.raises(WorkshopError, match="Nothing was marked"):
            translations.mark(pair, ["step-1-1"])


def test_other_order_of_sections_is_found(pair):
    steps, rest = GERMAN.split("### 1.1", 1)
    step, end = rest.split("## Das Ende", 1)
    (paths.ROOT / pair.file).write_text(f"{steps}## Das Ende{end}\n### 1.1{step}", encoding="utf-8")
    assert "in a different order" in "\n".join(translations.differences(pair))


def test_difference_in_a_changed_section_is_none(pair):
    """Until the translator has seen the English change."""
    edit(paths.ROOT / pair.source, ("`fit()`", "`fitted()`"))
    assert translations.differences(pair) == []
    edit(paths.ROOT / pair.source, ("`fitted()`", "`fit()`"))
    edit(paths.ROOT / pair.file, ("`fit()`", "`fitted()`"))
    assert translations.differences(pair) != []


def test_mark_records_one_section_and_forgets_what_is_gone(pair):
    edit(paths.ROOT / pair.source, ("About it.", "About this page."))
    edit(paths.ROOT / pair.source, ("\n## The end\n\nDone.\n", "\n## More\n"))
    translations.mark(pair, ["top"])
    assert outdated(pair) == {"more": State.MISSING, "the-end": State.REMOVED}
    for anchor, says in (
        ("the-end", "no section the-end anymore. Delete"),
        ("more", "no section more yet"),
        ("nowhere", "no section nowhere. Its sections"),
    ):
        with pytest.raises(WorkshopError, match=says):
            translations.mark(pair, [anchor])
    edit(paths.ROOT / pair.file, ("\n## Das Ende { #the-end }\n\nFertig.\n", "\n## Mehr { #more }\n"))
    assert outdated(pair) == {"more": State.UNMARKED}
    translations.mark(pair, ["more"])
    assert list(translations.recorded(pair)) == ["top", "steps", "step-1-1", "more"]


def test_new_file_is_a_translation(pair):
    (paths.DOCS / "de/index.md").write_text("# Start\n")
    (paths.ROOT / "README.de.md").write_text('# Workshop\n\n## Los <a id="go"></a>\n')
    (paths.ROOT / "README.md").write_text("# Workshop\n\n## Go\n")
    found = {each.file: each.source for each in translations.all_translations()}
    assert found["docs/de/index.md"] == "docs/index.md"
    assert found["README.de.md"] == "README.md"
    (readme,) = translations.find("README")
    assert translations.find("README.de.md") == [readme]
    assert list(translations.states(readme)) == ["top", "go"]
    (page,) = translations.find("index")
    with pytest.raises(WorkshopError, match=r"docs/index\.md cannot be read .*rename the translation too"):
        translations.states(page)


def test_headings_in_code_start_no_section():
    assert [each.anchor for each in page_sections.sections("# A\n```console\n# B\n```\n## C d\n")] == [
        "top",
        "c-d",
    ]


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [
        ("02-celery.md", "../../lessons/02-celery.md"),
        ("02-celery.md#a", "../../lessons/02-celery.md#a"),
        ("../index.md", "../index.md"),
        ("../guides/docker.md", "../../guides/docker.md"),
        ("#step-1-1", "#step-1-1"),
        ("https://example.org/a.md", "https://example.org/a.md"),
    ],
)
def test_link_leads_to_the_translation_or_to_the_english_page(target, leads_to):
    found = translated_page.link_target(target, "lessons/01-sync.md", "de", {"de/index.md"}.__contains__)
    assert found == leads_to


def test_german_words_of_minutes_and_hours():
    assert lesson_times.hours(60, german.FACTS) == "1 Stunde"
    assert lesson_times.hours(262, german.FACTS) == "4 Stunden 20 Minuten"
    assert lesson_times.hours(262) == "4 hours 20 minutes"


def git(*arguments):
    subprocess.run(
        ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments],
        cwd=paths.ROOT,
        check=True,
        capture_output=True,
    )


def test_command_lists_shows_and_marks(pair, capsys):
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "Translated")
    edit(paths.ROOT / pair.source, ("Done.", "Finished.\n\nReally."))
    git("commit", "-qam", "English")
    assert command.main("", diff=False, mark=False) == 0
    said = capsys.readouterr().out
    assert re.search(r"^  up to date +step-1-1$", said, re.M)
    assert re.search(r"^  English changed +the-end$", said, re.M)
    assert "./workshop dev translations lessons/01-sync#the-end --diff" in said

    assert command.main("lessons/01-sync#the-end", diff=True, mark=False) == 0
    said = capsys.readouterr().out
    assert "-Done." in said
    assert "+Finished." in said
    assert "fit()" not in said

    assert command.main("lessons/01-sync#the-end", diff=False, mark=True) == 0
    assert outdated(pair) == {}


def test_command_finds_the_goals_that_were_translated(pair):
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "Translated")
    edit(paths.ROOT / "lessons/01-sync/lesson.toml", ("resize pictures", "resize photos"))
    git("commit", "-qam", "English")
    assert {"-resize pictures", "+resize photos"} <= set(command.changes(pair, "top"))


def test_command_without_the_old_text_says_what_to_do(pair):
    git("init", "-q")
    edit(paths.ROOT / pair.source, ("Done.", "Finished."))
    git("add", ".")
    git("commit", "-qm", "Everything")
    with pytest.raises(WorkshopError, match="git fetch --unshallow"):
        command.changes(pair, "the-end")


def test_command_reports_differences(pair, capsys):
    edit(paths.ROOT / pair.file, ("`fit()`", "`fitted()`"))
    assert command.main("", diff=False, mark=False) == 1
    assert "docs/de/lessons/01-sync.md#step-1-1: the pages differ in their inline code" in in_one_line(
        capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("name", "mark", "says"),
    [
        ("lessons/09", False, "lessons/09 is not a translated page"),
        ("lessons/01-sync#nowhere", False, "has no section nowhere"),
        ("", True, "Give the name of the section"),
    ],
)
def test_command_with_a_wrong_name(pair, name, mark, says):
    with pytest.raises(WorkshopError, match=says):
        command.main(name, diff=False, mark=mark)


class Html(HTMLParser):
    """The language, headings, text and files of a built page, and where its language selector leads."""

    def __init__(self, file):
        super().__init__()
        self.language, self.selector, self.headings, self.files = None, {}, [], []
        self.source = file.read_text(encoding="utf-8")
        self.feed(self.source)
        self.text = in_one_line(re.sub(r"<[^>]+>", "", self.source))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "html":
            self.language = given["lang"]
        if tag in ("img", "source", "script"):
            self.files += [given[name] for name in ("src", "srcset") if given.get(name)]
        if given.get("hreflang"):
            self.selector[given["hreflang"]] = given["href"]
        if tag in ("h2", "h3"):
            self.headings.append(given.get("id"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site of a copy whose English lesson 01 has changed, and which has a German lesson 02."""
    root = copy_sources(tmp_path_factory.mktemp("copy"))
    edit(
        root / "docs/lessons/01-sync.md",
        ("The site is fast but useless", "The site is fast but of no use"),
        ("## The request\n", "## A new section\n\nNew.\n\n## The request\n"),
        ("## Take it with you", "## Take this with you"),
    )
    text = (root / "docs/lessons/02-celery-basics.md").read_text(encoding="utf-8")
    text = text.replace("# 02 · Your first Celery tasks", "# 02 · Deine ersten Celery-Tasks")
    added = root / "docs/de/lessons/02-celery-basics.md"
    added.write_text(f"---\ngoals: [Tasks schreibst]\n---\n\n{text}", encoding="utf-8")
    target = root / "site"
    run = build(root, target)
    assert run.returncode == 0, run.stdout + run.stderr
    return target


def section(page, anchor):
    """The HTML from the heading `anchor` to the next one."""
    return re.split(r"<h[23] ", page.source.split(f'id="{anchor}"', 1)[1])[0]


def test_changed_section_has_a_note(site):
    page = Html(site / "de/lessons/01-sync/index.html")
    assert german.CHANGED in section(page, "the-problem")
    assert 'href="../../../lessons/01-sync/#the-problem"' in section(page, "the-problem")
    assert german.MISSING in section(page, "the-problem"), "the new section comes after it"
    assert 'href="../../../lessons/01-sync/#a-new-section">A new section' in section(page, "the-problem")
    assert german.REMOVED in section(page, "take-it-with-you")
    assert page.source.count("admonition warning") - page.source.count('<details class="warning"') >= 3
    for anchor in ("the-request", "step-1-1"):
        assert "admonition warning" not in section(page, anchor)
    assert "admonition warning" not in (site / "de/index.html").read_text(encoding="utf-8")


def test_generated_parts_are_german(site):
    page = Html(site / "de/lessons/01-sync/index.html")
    assert page.language == "de"
    assert "Du lernst, wie du" in page.text
    assert re.search(
        r"Zeit: etwa \d+ Minuten\. Die optionalen Schritte dauern weitere \d+ Minuten\.", page.text
    )
    assert re.search(r"<em>Optional, \d+ Minuten\.</em>", page.source)
    assert "Das Foto wird innerhalb des Requests verkleinert" in page.text
    for english in ("You will learn", "minutes", "Link to this section", "Switch to dark", "hidden in"):
        assert english not in page.source
    english = Html(site / "lessons/03-images/index.html")
    assert english.language == "en"
    assert "Switch to dark mode" in english.source
    assert "Zum dunklen Modus" not in english.source


def test_headings_have_the_ids_of_the_english_page(site):
    english, page = (Html(site / each / "index.html") for each in ("", "de"))
    assert page.headings == english.headings
    english, page = (Html(site / each / "lessons/01-sync/index.html") for each in ("", "de"))
    old = [each for each in page.headings if each != "take-it-with-you"]
    assert old == [each for each in english.headings if each not in ("a-new-section", "take-this-with-you")]


def test_selector_leads_to_the_same_page_or_else_to_the_home_page(site):
    page = Html(site / "lessons/01-sync/index.html")
    assert page.selector == {"en": "./", "de": "../../de/lessons/01-sync/"}
    page = Html(site / "de/lessons/01-sync/index.html")
    assert page.selector == {"en": "../../../lessons/01-sync/", "de": "./"}
    page = Html(site / "lessons/03-images/index.html")
    assert page.selector == {"en": "./", "de": "../../de/"}


def test_menus_of_a_translated_page(site):
    page = Html(site / "de/lessons/01-sync/index.html")
    assert re.search(r'href="../../"[^>]*class="md-tabs__link">\s*Start', page.source)
    assert re.search(r'href="./"[^>]*class="md-tabs__link">\s*Lektionen', page.source)
    assert "03 · Reliable tasks (englisch)" in page.text
    assert 'href="../../../lessons/03-images/"' in page.source
    assert "(englisch)" not in (site / "lessons/03-images/index.html").read_text(encoding="utf-8")


def test_added_page_needs_no_other_change(site):
    added = Html(site / "de/lessons/02-celery-basics/index.html")
    assert added.language == "de"
    assert "Tasks schreibst" in added.text
    assert added.selector["en"] == "../../../lessons/02-celery-basics/"
    assert (
        Html(site / "lessons/02-celery-basics/index.html").selector["de"]
        == "../../de/lessons/02-celery-basics/"
    )
    page = Html(site / "de/lessons/01-sync/index.html")
    assert re.search(
        r'href="../02-celery-basics/"[^>]*>[^<]*<[^>]*>\s*02 · Deine ersten Celery-Tasks', page.source
    )
    assert 'Weiter: <a href="../02-celery-basics/">' in page.source
    assert 'rel="next" href="../02-celery-basics/"' in page.source


def test_each_language_has_its_search_index(site):
    def locations(file):
        return {each["location"] for each in json.loads((site / file).read_text(encoding="utf-8"))["docs"]}

    english, own = locations("search/search_index.json"), locations("de/search/search_index.json")
    assert not any(each.startswith("de/") for each in english)
    assert "lessons/01-sync/#step-1-1" in english & own
    assert "../lessons/03-images/#step-3-1" in own, (
        "not translated, so a German reader finds the English page"
    )
    assert not any(each.startswith("../lessons/01-sync/") for each in own)
    page = (site / "de/lessons/01-sync/index.html").read_text(encoding="utf-8")
    assert json.loads(re.search(r'id="__config"[^>]*>(.*?)</script>', page, re.S)[1])["base"] == "../.."


def test_pictures_of_a_translated_page_are_there(site):
    """MkDocs leaves addresses in HTML as they are, but the German page is in another folder."""
    for file in (site / "de").rglob("index.html"):
        found = [each.partition("#")[0] for each in Html(file).files]
        assert [each for each in found if not (file.parent / each).is_file()] == [], file
    assert any("killed-light" in each for each in Html(site / "de/index.html").files)


def test_theme_looks_for_no_sitemap_of_a_language(site):
    """The theme's script fetches one below each such link, and there is none."""
    assert [
        file for file in site.rglob("*.html") if 'rel="alternate"' in file.read_text(encoding="utf-8")
    ] == []


def test_record_is_not_published(site):
    assert not list(site.rglob("*.toml"))
