"""The docs site in a browser: every page of the navigation, in light and dark, on a desk and on a phone."""

import json
from pathlib import PurePosixPath

import page_checks
import pytest
from mkdocs.utils.yaml import yaml_load
from playwright.sync_api import expect

from benchmarks import site_size
from workshop import paths
from workshop.docsite import german, site, translations
from workshop.docsite.static_server import serving


def in_nav(entries):
    for entry in entries:
        for value in entry.values() if isinstance(entry, dict) else [entry]:
            if isinstance(value, list):
                yield from in_nav(value)
            elif value.endswith(".md"):
                yield value


def address(source):
    """The page's address on the site: lessons/01-sync.md is /lessons/01-sync/."""
    page = PurePosixPath(source)
    page = page.parent if page.stem in ("index", "README") else page.with_suffix("")
    return f"/{page}/".replace("/./", "/")


with (paths.ROOT / "mkdocs.yml").open(encoding="utf-8") as config:
    PAGES = [address(source) for source in in_nav(yaml_load(config)["nav"])]
TRANSLATED = [
    address(translation.file.removeprefix("docs/"))
    for translation in translations.all_translations()
    if translation.file.startswith("docs/")
]
KINDS = {page.split("/")[1]: page for page in reversed(PAGES)}
"""The first page of each part of the site: "lessons": "/lessons/01-sync/"."""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    target = tmp_path_factory.mktemp("site")
    assert site.make(target) == 0, "the site does not build"
    return target


@pytest.fixture(scope="module")
def served(built):
    with serving(built) as address:
        yield address


def label(path, text):
    """Return `text` in the language of the page."""
    return german.LABELS[text] if path.startswith("/de/") else text


@pytest.mark.parametrize("path", [*PAGES, *TRANSLATED])
def test_page(path, served, page):
    """In light and dark mode, at desktop and phone width, axe finds nothing and the page isn't too wide.

    A block may be wider than its column only if it can be scrolled and shows that.
    """
    page_checks.visit(page, served + path)
    expect(page.locator("h1")).to_be_visible()
    page.locator("details:not([open])").evaluate_all("folded => folded.forEach(each => each.open = true)")
    assert page_checks.axe(page) == [], "light"
    assert page_checks.too_wide(page) == [], "light, in a window of 1280 pixels"
    page.get_by_title(label(path, "Switch to dark mode")).click()
    assert page_checks.axe(page, colours_only=True) == [], "dark"
    assert page_checks.too_wide(page) == [], "dark, in a window of 1280 pixels"
    page.set_viewport_size(page_checks.PHONE)
    assert page_checks.too_wide(page) == [], "dark, on a phone"
    assert page_checks.sideways(page) == 0, "dark, wider than a phone"
    page.get_by_title(label(path, "Switch to light mode")).click()
    assert page_checks.too_wide(page) == [], "light, on a phone"
    assert page_checks.sideways(page) == 0, "light, wider than a phone"


def test_a_wide_block_shows_on_which_side_there_is_more(served, visitor):
    page = visitor(page_checks.PHONE, has_touch=True)
    page_checks.visit(page, served + "/lessons/01-sync/")
    for block in (
        page.locator(".language-python code[data-more]").first,
        page.locator("figure.drawing").first,
    ):
        fades = []
        for place in (0, 10, 10_000):
            block.evaluate("(block, place) => block.scrollTo(place, 0)", place)
            page_checks.drawn(page)
            fades.append(block.get_attribute("data-more"))
        assert fades == ["right", "left right", "left"]
    page.set_viewport_size(page_checks.DESKTOP)
    page_checks.drawn(page)
    expect(page.locator("article [data-more]")).to_have_count(0)


def test_output_wraps_and_is_copied_in_its_own_lines(served, visitor):
    """On a phone, a line that is wrapped is copied as one line, and nothing is added between the lines."""
    page = visitor(page_checks.PHONE, permissions=["clipboard-read", "clipboard-write"])
    page.goto(served + "/lessons/02-celery-basics/")
    block = page.locator(".language-text").first
    text = block.locator("code").text_content()
    lines = block.locator("code > span").evaluate_all(
        "lines => lines.map(line => line.getClientRects()[0].height)"
    )
    assert max(lines) > min(lines), "no line is shown in two"
    block.hover()
    block.get_by_title("Copy to clipboard").click()
    expect(page.locator(".md-dialog")).to_contain_text("Copied to clipboard")
    assert page.evaluate("navigator.clipboard.readText()") == text.rstrip()


@pytest.mark.parametrize("path", [*KINDS.values(), *TRANSLATED])
def test_page_on_a_phone(path, served, visitor):
    page = visitor(page_checks.PHONE, color_scheme="light", has_touch=True)
    page_checks.visit(page, served + path)
    assert page_checks.axe(page) == [], "light"
    page.get_by_title(label(path, "Switch to dark mode")).click()
    assert page_checks.axe(page, colours_only=True) == [], "dark"


@pytest.mark.parametrize("viewport", [page_checks.DESKTOP, page_checks.PHONE], ids=["desk", "phone"])
def test_language_is_chosen_by_keyboard(served, visitor, viewport):
    """To the German page and back. On a page without a translation, it leads to the German home page."""
    page = visitor(viewport)
    for path, name, leads_to in (
        ("/lessons/01-sync/", "Deutsch", "/de/lessons/01-sync/"),
        ("/de/lessons/01-sync/", "English", "/lessons/01-sync/"),
        ("/lessons/03-images/", "Deutsch", "/de/"),
    ):
        page_checks.visit(page, served + path)
        link = page.locator(".md-select__link", has_text=name)
        for _ in range(20):
            page.keyboard.press("Tab")
            if link.evaluate("link => link === document.activeElement"):
                break
        expect(link).to_be_focused()
        expect(link).to_be_in_viewport(ratio=1)
        assert page_checks.axe(page) == [], path
        page.keyboard.press("Enter")
        expect(page).to_have_url(served + leads_to)
        expect(page.locator("html")).to_have_attribute("lang", "de" if name == "Deutsch" else "en")


def test_language_selector_keeps_the_section(served, visitor):
    page = visitor()
    page_checks.visit(page, served + "/lessons/01-sync/#step-1-4")
    page.locator(".md-select__link", has_text="Deutsch").press("Enter")
    expect(page).to_have_url(served + "/de/lessons/01-sync/#step-1-4")
    expect(page.locator("#step-1-4")).to_be_in_viewport()


@pytest.mark.parametrize(
    ("path", "words", "found", "never"),
    [
        ("/lessons/02-celery-basics/", "aspect ratio", "/lessons/01-sync/#step-1-1", "/de/"),
        ("/de/", "Seitenverhältnis", "/de/lessons/01-sync/#step-1-1", "/lessons/"),
        ("/de/lessons/01-sync/", "überspringen", "/de/lessons/01-sync/#step-1-1", "/lessons/"),
        (
            "/de/lessons/01-sync/",
            "visibility timeout",
            "/explanation/visibility-timeout/",
            "/de/explanation/",
        ),
        ("/de/lessons/01-sync/", "UnreadablePicture", "/de/lessons/01-sync/#step-1-4", "/lessons/01-sync/"),
    ],
)
def test_search_is_in_the_language_of_the_page(served, visitor, path, words, found, never):
    """On a German page it also finds the English pages that are not translated."""
    page = visitor()
    page.goto(served + path)
    page.keyboard.press("/")
    page.locator(".md-search__input").press_sequentially(words)
    expect(page.locator(f'.md-search-result__link[href^="{served}{found}"]').first).to_be_attached()
    expect(page.locator(f'.md-search-result__link[href^="{served}{never}"]')).to_have_count(0)


def test_search_on_an_english_page_finds_no_german_page(served, visitor):
    page = visitor()
    page.goto(served + "/")
    page.keyboard.press("/")
    page.locator(".md-search__input").press_sequentially("Seitenverhältnis")
    expect(page.locator(".md-search-result__meta")).to_have_text("No matching documents")


LINKED = """async (addresses) => {
  const targets = [];
  for (const address of addresses) {
    const page = new DOMParser().parseFromString(await (await fetch(address)).text(), "text/html");
    for (const link of page.querySelectorAll(".md-nav--primary a.md-nav__link, .md-tabs__link"))
      targets.push(new URL(link.getAttribute("href"), address).pathname);
  }
  return targets;
}"""
"""The paths that the navigation of these pages links to."""


def test_navigation_leads_to_every_page(served, visitor):
    page = visitor()
    page.goto(served + "/")
    tops = page.locator(".md-tabs__link").evaluate_all("links => links.map(link => link.href)")
    assert set(PAGES) <= set(page.evaluate(LINKED, [page.url, *tops]))
    page.locator(".md-tabs__link", has_text="Lessons").click()
    expect(page).to_have_url(served + next(each for each in PAGES if each.startswith("/lessons/")))


def test_navigation_on_a_phone(served, visitor):
    page = visitor(page_checks.PHONE, has_touch=True)
    page_checks.visit(page, served + "/")
    page.locator(".md-header [for=__drawer]").click()
    expect(page.locator(".md-nav--primary")).to_be_in_viewport()
    assert page_checks.axe(page) == []
    page.locator(".md-nav--primary .md-nav__item--nested > label", has_text="Lessons").click()
    lessons = page.get_by_role("navigation", name="Lessons")
    lessons.get_by_role("link", name="03 · Reliable tasks").click()
    expect(page).to_have_url(served + "/lessons/03-images/")


def test_search_finds_a_term(built, served, visitor):
    index = json.loads((built / "search/search_index.json").read_text(encoding="utf-8"))
    assert len(index["docs"]) > len(PAGES)
    page = visitor()
    page.goto(served + "/")
    page.keyboard.press("/")
    expect(page.get_by_role("textbox", name="Search")).to_be_focused()
    page.keyboard.type("reject_on_worker_lost")
    results = page.locator(".md-search-result__link")
    expect(results.first).to_be_visible()
    page.add_style_tag(content=page_checks.STILL)
    assert page_checks.axe(page) == []
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/lessons/" in url or "/explanation/" in url or "/reference/" in url)
    expect(page.locator("article")).to_contain_text("reject_on_worker_lost")


SEARCHED = {
    "task runs twice": "/reference/faq/#runs-twice",
    "task not registered": "/reference/faq/#not-registered",
    "PENDING forever": "/reference/faq/#pending-forever",
    "purge a queue": "/reference/faq/#purge",
    "memory grows": "/reference/faq/#memory-grows",
    "worker stops taking tasks": "/reference/faq/#stops-taking",
    "database is locked": "/reference/faq/#database-is-locked",
    "connection already closed": "/reference/faq/#connection-closed",
    "change a schedule at run time": "/reference/faq/#change-schedule",
    "cancel a running task": "/reference/faq/#cancel",
    "result too large": "/reference/faq/#large",
    "several projects Redis": "/reference/faq/#share-redis",
    "Sentinel Cluster": "/reference/faq/#sentinel",
    "async def": "/reference/faq/#async",
    "pydantic": "/reference/faq/#typed",
    "chain group chord": "/explanation/canvas/",
    "django-celery-beat": "/guides/database-schedules/",
    "breakpoint": "/guides/debug/#breakpoint",
    "Prometheus": "/guides/monitor/#prometheus",
    "cheat sheet": "/reference/cheat-sheet/",
}
"""What people type, and the section that answers it."""


def test_search_finds_what_people_ask_for(served, visitor):
    page = visitor()
    page.goto(served + "/")
    page.keyboard.press("/")
    field = page.get_by_role("textbox", name="Search")
    missed = []
    for words, answer in SEARCHED.items():
        field.fill("")
        field.press_sequentially(words)
        try:
            expect(page.locator(f'.md-search-result__link[href*="{answer}"]').first).to_be_attached()
        except AssertionError:
            missed.append(words)
    assert missed == []


def test_copy_button_copies_commands_without_their_prompt(served, visitor):
    page = visitor(permissions=["clipboard-read", "clipboard-write"])
    page.goto(served + "/lessons/03-images/")
    block = page.locator(".highlight", has_text="./workshop start 03")
    shown = block.locator("code").text_content()
    assert shown.startswith("$ ./workshop start 03")
    block.hover()
    block.get_by_title("Copy to clipboard").click()
    expect(page.locator(".md-dialog")).to_contain_text("Copied to clipboard")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == shown.replace("$ ", "").rstrip()


def test_copy_button_leaves_out_what_the_command_printed(served, visitor):
    page = visitor(permissions=["clipboard-read", "clipboard-write"])
    page.goto(served + "/lessons/02-celery-basics/")
    block = page.locator(".language-console", has_text="samples --upload 10")
    assert "median" in block.locator("code").text_content()
    block.hover()
    block.get_by_title("Copy to clipboard").click()
    expect(page.locator(".md-dialog")).to_contain_text("Copied to clipboard")
    assert page.evaluate("navigator.clipboard.readText()") == "./workshop samples --upload 10"


def colours(page):
    return page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")


def test_light_and_dark_by_preference_and_by_choice(served, visitor):
    light, dark = visitor(color_scheme="light"), visitor(color_scheme="dark")
    for page in (light, dark):
        page_checks.visit(page, served + "/")
    assert colours(light) != colours(dark)
    dark_colour = colours(dark)
    light.get_by_title("Switch to dark mode").click()
    assert colours(light) == dark_colour
    light.goto(served + "/lessons/01-sync/")
    expect(light.locator("body")).to_have_attribute("data-md-color-scheme", "slate")
    light.get_by_title("Switch to light mode").click()
    expect(light.locator("body")).to_have_attribute("data-md-color-scheme", "default")


def test_skip_link_and_search_by_keyboard(served, visitor):
    page = visitor()
    page.goto(served + "/lessons/03-images/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") != ""
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('article') !== null"), "the header was not skipped"
    page.goto(served + "/lessons/03-images/")
    search = page.get_by_role("textbox", name="Search")
    for _ in range(15):
        page.keyboard.press("Tab")
        if search.evaluate("field => field === document.activeElement"):
            break
    expect(search).to_be_focused()


def test_drawings_are_there_in_light_and_dark(served, visitor):
    for scheme in ("light", "dark"):
        page = visitor(color_scheme=scheme)
        page.goto(served + "/lessons/03-images/")
        drawing = page.locator("figure.drawing svg").first
        expect(drawing).to_be_visible()
        assert drawing.evaluate("svg => getComputedStyle(svg).fill") == page.locator(
            "article p"
        ).first.evaluate("text => getComputedStyle(text).color")


def test_home_page_is_light(built, browser):
    sent = site_size.first_visit(built, browser)
    assert "/search/search_index.json" in sent, "the search did not load"
    assert any(path.startswith("/assets/killed-") for path in sent), "the picture did not load"
    assert sum(sent.values()) < site_size.HOME_KILOBYTES * 1000, sent


@pytest.mark.parametrize(
    ("scheme", "shown", "other"), [("light", "light", "dark"), ("dark", "dark", "light")]
)
def test_first_screen_has_the_picture_the_minutes_and_the_command(served, visitor, scheme, shown, other):
    page = visitor(color_scheme=scheme)
    page_checks.visit(page, served + "/")
    picture = page.locator(f"article img[src*='killed-{shown}']")
    for needed in (
        page.get_by_text("The five lessons take"),
        page.get_by_text("./workshop up").first,
        picture,
    ):
        expect(needed).to_be_in_viewport(ratio=1)
    expect(page.locator(f"article img[src*='killed-{other}']")).to_be_hidden()
    page.wait_for_function("picture => picture.naturalWidth > 0", arg=picture.element_handle())
    page.get_by_title(f"Switch to {other} mode").click()
    expect(page.locator(f"article img[src*='killed-{other}']")).to_be_in_viewport(ratio=1)
    expect(picture).to_be_hidden()
    page.set_viewport_size(page_checks.PHONE)
    for needed in (page.get_by_text("The five lessons take"), page.get_by_text("./workshop up").first):
        expect(needed).to_be_in_viewport()
