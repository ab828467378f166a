"""The docs site: it builds, covers every step, and shows no code that is not in the chain."""

import json
import os
import posixpath
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import httpx
import markdown
import pytest
import workshop_process
from docs_build import build, copy_sources
from files import edit
from mkdocs.exceptions import BuildError
from printed_text import in_one_line
from workshop_process import PATIENCE

from benchmarks import startup
from workshop import paths
from workshop.course import lessons
from workshop.dev import lesson_minutes
from workshop.docsite import lesson_times, snippets, translations
from workshop.errors import WorkshopError
from workshop.system.child import Child
from workshop.system.ports import free_port, is_free
from workshop.system.waiting import until

LESSONS = lessons.all_lessons()
PAGES = sorted(set(paths.DOCS.rglob("*.md")) - set(paths.DOCS.glob("notebooks/*.md")))
FOREIGN = re.compile(r"(?:https?:)?//")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    target = tmp_path_factory.mktemp("site")
    run = build(paths.ROOT, target)
    assert run.returncode == 0, run.stdout + run.stderr
    return target


class Page(HTMLParser):
    """A page's ids, headings, images and links, and everything that a browser would fetch."""

    def __init__(self, file: Path):
        super().__init__()
        self.headings, self.ids, self.images, self.fetched, self.links, self.code = [], [], [], [], [], 0
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if "id" in given:
            self.ids.append(given["id"])
            if tag in ("h2", "h3"):
                self.headings.append(given["id"])
        if tag == "img":
            self.images.append(given)
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag in ("img", "script", "iframe", "source") and given.get("src"):
            self.fetched.append(given["src"])
        if tag == "link" and given.get("rel") not in ("canonical", "next", "prev"):
            self.fetched.append(given.get("href", ""))
        self.code += "highlight" in given.get("class", "").split()


def page(site, lesson):
    return Page(site / "lessons" / lesson.name / "index.html")


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_every_step_has_its_heading(site, lesson):
    headings = [found for found in page(site, lesson).headings if found.startswith("step-")]
    assert headings == [step.anchor for step in lesson.steps], "one `### 3.2 · … { #step-3-2 }` for each step"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_text_agrees_with_manifest(lesson):
    text = lesson.text.read_text(encoding="utf-8")
    assert f'\n--8<-- "workshop:opening.{lesson.code}"\n' in text
    for step in lesson.steps:
        start = text.index(f"### {step.id} · {step.title} {{ #{step.anchor} }}")
        section = re.split(r"^#{2,3} ", text[start + 4 :], maxsplit=1, flags=re.M)[0]
        for part in (
            f"{{{{ minutes {step.id} }}}}",
            "**Before you read on:**",
            "**Do:**",
            "Check yourself",
            f"**Then:** `./workshop check {step.id}`",
        ):
            assert part in section, f"{lesson.text.name}, step {step.id}: {part}"
        for file in step.files:
            assert file in section, f"{lesson.text.name}, step {step.id} does not name {file}"


@pytest.mark.parametrize("text", PAGES, ids=lambda text: text.name)
def test_no_code_typed_by_hand(text):
    """Python code is included from files. The other fenced blocks are commands, and what they printed."""
    lines = text.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        fence = re.match(r"\s*(?:```|~~~)\s*\{?\s*\.?(\w+)", line)
        if fence is None:
            continue
        where = f"{text.name}:{number}"
        assert fence[1] in ("text", "console"), f"{where}: {fence[1]} is included from a file, never typed"
        if fence[1] == "text":
            assert snippets.LINE.match(lines[number]), f"{where}: terminal output must be in docs/runs/"


def test_site_fetches_nothing(site):
    """Styles, scripts, fonts and pictures come with the site."""
    for file in site.rglob("*.html"):
        found = [address for address in Page(file).fetched if FOREIGN.match(address)]
        assert not found, f"{file.relative_to(site)}: {found}"
    for file in site.rglob("*.css"):
        styles = file.read_text(encoding="utf-8")
        found = [url for url in re.findall(r"url\(\s*['\"]?([^'\")]+)", styles) if FOREIGN.match(url)]
        assert not found, f"{file.relative_to(site)}: {found}"


def test_ids_are_unique(site):
    for file in site.rglob("index.html"):
        ids = Page(file).ids
        assert len(ids) == len(set(ids)), f"{file}: {sorted({each for each in ids if ids.count(each) > 1})}"


def without_words(page):
    """Return the pictures of a page that a screen reader can neither describe nor ignore."""
    return [
        image
        for image in page.images
        if not (image.get("alt") or "").strip() and image.get("role") not in ("presentation", "none")
    ]


def test_images_have_alternatives(site):
    for file in site.rglob("index.html"):
        assert without_words(Page(file)) == [], file


def test_image_without_words_is_found(tmp_path):
    (tmp_path / "page.html").write_text(
        '<img src="a.png"><img src="b.png" alt=" "><img src="c.png" alt="A cat">'
        '<img src="d.png" alt="" role="none">'
    )
    assert [image["src"] for image in without_words(Page(tmp_path / "page.html"))] == ["a.png", "b.png"]


def not_https(links):
    """Return the links to other machines that are not https://full.host.name/… without a user and a port."""
    own = ("localhost", "127.0.0.1")
    found = [link for link in links if FOREIGN.match(link) and urlsplit(link).hostname not in own]
    return [link for link in found if not re.fullmatch(r"https://[\w-]+(\.[\w-]+)+(/[^\s<>\"]*)?", link)]


def test_links_to_other_machines_are_https(site):
    for file in site.rglob("index.html"):
        assert not_https(Page(file).links) == [], file


def test_link_that_is_not_https_is_found():
    bad = [
        "http://example.org/",
        "//example.org/",
        "https://example",
        "https://a b.org/",
        "https://me@example.org/",
    ]
    assert not_https([*bad, "https://docs.example.org/a#b", "../b/", "http://localhost:8000"]) == bad


def test_search_has_every_page(site):
    """In the index of its language."""
    words = {}
    for language in ("", *(f"{each}/" for each in translations.languages())):
        index = json.loads((site / language / "search/search_index.json").read_text(encoding="utf-8"))
        for entry in index["docs"]:
            page = posixpath.normpath(language + entry["location"].partition("#")[0]) + "/"
            page = page.removeprefix("./")
            words[page] = words.get(page, "") + entry["title"] + entry["text"]
    pages = {file.parent.relative_to(site).as_posix() + "/" for file in site.rglob("index.html")}
    assert {page.removeprefix("./") for page in pages} == set(words)
    assert [page for page, text in words.items() if not text.strip()] == []


def test_runs_and_examples_are_no_pages(site):
    assert not (site / "runs").exists()
    assert not (site / "examples").exists()


def test_the_first_page_says_how_long_it_takes(site):
    text = (site / "index.html").read_text(encoding="utf-8")
    assert (
        f"The five lessons take about {lesson_times.hours(sum(lesson.minutes for lesson in LESSONS))}" in text
    )
    for lesson in LESSONS:
        row = rf"lessons/{lesson.name}/.*?<td>{lesson.minutes}</td>\s*<td>{lesson.all_minutes}</td>"
        assert re.search(row, text, re.S), lesson.name


def test_lesson_says_how_long_it_takes(site):
    for lesson in LESSONS:
        text = (site / "lessons" / lesson.name / "index.html").read_text(encoding="utf-8")
        assert f"about {lesson.minutes} minutes" in text, lesson.name
        for step in lesson.steps:
            assert f"<em>{'Optional, ' * step.optional}{step.minutes} minute" in text, step.id


def test_minutes_are_those_of_the_model():
    """`./workshop dev minutes --write` updates them."""
    for lesson in LESSONS:
        efforts = lesson_minutes.of_lesson(lesson)
        assert abs(lesson.reading - efforts[""].minutes) <= 1, lesson.name
        for step in lesson.steps:
            assert abs(step.minutes - efforts[step.id].minutes) <= 1, step.id


def english_page(file):
    """The path of a page or drawing below docs/, without the folder of its language."""
    path = file.relative_to(paths.DOCS)
    return path.relative_to(path.parts[0]) if path.parts[0] in translations.languages() else path


@pytest.mark.parametrize("file", sorted(paths.DOCS.rglob("*.svg")), ids=lambda file: file.name)
def test_drawings_say_what_they_show(file):
    svg = ElementTree.parse(file).getroot()
    ids = {each.get("id"): each for each in svg.iter()}
    assert svg.get("role") == "img"
    named = [ids[name] for name in svg.get("aria-labelledby").split()]
    assert [each.tag.rpartition("}")[2] for each in named] == ["title", "desc"]
    assert all(len(each.text) > 20 for each in named)
    assert svg.get("fill") == "currentColor", "else it cannot be read in the dark"
    include = f'--8<-- "docs/{english_page(file).as_posix()}"'
    assert any(include in text.read_text(encoding="utf-8") for text in PAGES), f"no page shows {file.name}"


def test_ids_of_drawings_are_unique():
    """A page may show several drawings, and their ids are then in one document.

    A translated drawing replaces the English one, so both may have the same ids.
    """
    ids = [
        each.get("id")
        for file in paths.DOCS.rglob("*.svg")
        if english_page(file) == file.relative_to(paths.DOCS)
        for each in ElementTree.parse(file).iter()
        if each.get("id")
    ]
    assert len(ids) == len(set(ids)), sorted({each for each in ids if ids.count(each) > 1})


@pytest.mark.parametrize("file", sorted(paths.DOCS.rglob("*.svg")), ids=lambda file: file.name)
def test_drawings_fetch_nothing(file):
    """No picture, font, style or script from elsewhere. The namespace of SVG is not an address."""
    text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not FOREIGN.search(text), file
    assert not re.search(r"<(script|style|image|foreignObject)\b", text), file


def test_every_run_is_used():
    """Each terminal output is shown on a page, and starts with the command that printed it."""
    texts = "".join(text.read_text(encoding="utf-8") for text in PAGES)
    for file in sorted(paths.DOCS.glob("runs/**/*.txt")):
        assert file.relative_to(paths.DOCS).as_posix() in texts, file
        assert file.read_text(encoding="utf-8").startswith(("$ ", ">>> ")), file
        assert "/tmp/" not in file.read_text(encoding="utf-8"), file


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(paths, "DOCS", tmp_path / "docs")
    return tmp_path


def html(text):
    return markdown.markdown(text, extensions=["workshop.docsite.snippets", "pymdownx.superfences"])


SOURCE = '''"""A module."""

LIMIT = {"a": 1,
         "b": 2}

if LIMIT:
    STRICT: bool = True


@shared_task(
    acks_late=True,
)
def work(number):
    """Works."""
    return number


class Task:
    def on_failure(self):
        pass
'''


def test_symbols(root):
    (root / "tasks.py").write_text(SOURCE)
    assert snippets.included("tasks.py", "LIMIT") == 'LIMIT = {"a": 1,\n         "b": 2}'
    assert snippets.included("tasks.py", "work").splitlines()[0] == "@shared_task("
    assert snippets.included("tasks.py", "work").endswith("return number")
    assert snippets.included("tasks.py", "Task.on_failure") == "def on_failure(self):\n    pass"
    assert snippets.included("tasks.py", "STRICT") == "if LIMIT:\n    STRICT: bool = True"
    assert snippets.included("tasks.py") == SOURCE.rstrip()


def test_include_is_a_block_with_the_files_name(root):
    (root / "tasks.py").write_text(SOURCE)
    shown = html('Text\n--8<-- "tasks.py:work"\nmore')
    assert '<span class="filename">tasks.py</span>' in shown
    assert "acks_late" in shown
    assert "on_failure" not in shown


def test_include_inside_a_fence_is_only_lines(root):
    (root / "docs/runs").mkdir(parents=True)
    (root / "docs/runs/out.txt").write_text("$ ls\n<b>\n")
    shown = html('```text\n--8<-- "runs/out.txt"\n```\n')
    assert "$ ls\n&lt;b&gt;" in shown
    assert "filename" not in shown


def test_backticks_do_not_end_the_block(root):
    (root / "notes.py").write_text('"""\n```text\n```\n"""\nX = 1\n')
    assert html('--8<-- "notes.py"').count("<pre") == 1


@pytest.mark.parametrize(
    ("include", "says"),
    [
        ("tasks.py:gone", r"tasks\.py:gone.*not define gone .*work, Task"),
        ("tasks.py:Task.gone", r"not define gone .*on_failure"),
        ("away.py", r"away\.py.*cannot be read.*was renamed"),
        ("broken.py:work", r"broken\.py:1 cannot be read"),
    ],
)
def test_what_vanished_is_named(root, include, says):
    (root / "tasks.py").write_text(SOURCE)
    (root / "broken.py").write_text("def work(\n")
    with pytest.raises(WorkshopError, match=re.compile(says, re.S)):
        snippets.included(*include.split(":"))
    with pytest.raises(BuildError):
        html(f'--8<-- "{include}"')


@pytest.fixture
def copy(tmp_path):
    """A copy of everything that the site is built from, to break it."""
    (tmp_path / "copy").mkdir()
    return copy_sources(tmp_path / "copy")


def test_build_fails_when_a_symbol_vanished(copy, tmp_path):
    """One function gets another name: the build says on which page it is missing."""
    edit(copy / "lessons/01-sync/images/resizing.py", ("def fit(", "def fitted("))
    run = build(copy, tmp_path / "site")
    said = run.stdout + run.stderr
    assert run.returncode != 0
    assert "lessons/01-sync.md" in said
    assert "that file does not define fit anymore" in said
    assert "Traceback" not in said


def test_build_fails_on_links_and_pages_that_lead_nowhere(copy, tmp_path):
    for file, text in (
        ("lessons/01-sync.md", "[A page](02-nowhere.md)"),
        ("lessons/02-celery-basics.md", "[A place](01-sync.md#step-9-9)"),
        ("lessons/03-images.md", "![A picture](img/nowhere.png)"),
        ("guides/stray.md", "# A page that no menu names"),
        ("examples/notes.md", "# Not a page at all"),
    ):
        (copy / "docs" / file).parent.mkdir(exist_ok=True)
        with (copy / "docs" / file).open("a", encoding="utf-8") as page:
            page.write(f"\n{text}\n")
    run = build(copy, tmp_path / "site")
    said = run.stdout + run.stderr
    assert run.returncode != 0
    assert "'lessons/01-sync.md' contains a link '02-nowhere.md'" in said
    assert "'lessons/02-celery-basics.md' contains a link '01-sync.md#step-9-9'" in said
    assert "'lessons/03-images.md' contains a link 'img/nowhere.png'" in said
    assert "- guides/stray.md" in said
    assert "examples/notes.md" not in said


CATCHES_EVERYTHING = """
import time

def on_config(config):
    open("begun", "w").close()
    try:
        time.sleep(900)
    except BaseException:
        pass
"""


@pytest.mark.parametrize("moment", ["it begins", "it builds", "it serves"])
def test_a_served_site_that_is_ended_leaves_no_copy(tmp_path, moment):
    """It is stopped with SIGTERM, as `up` does it."""
    root, temporary, port = tmp_path / "root", tmp_path / "temporary", free_port()
    for folder in (root / "docs", root / "lessons", temporary):
        folder.mkdir(parents=True)
    hooks = "hooks: [hook.py]\n" if moment == "it builds" else ""
    (root / "mkdocs.yml").write_text(f"site_name: Tiny\n{hooks}")
    (root / "hook.py").write_text(CATCHES_EVERYTHING)
    (root / "docs/index.md").write_text("# Tiny\n")
    reached = {
        "it begins": lambda: any(temporary.iterdir()),
        "it builds": (root / "begun").exists,
        "it serves": lambda: not is_free(port),
    }
    variables = startup.environment(root) | {"TMPDIR": str(temporary)}
    command = startup.workshop("docs", "--port", str(port))
    with Child(command, environment=variables, log=tmp_path / "docs.log") as served:
        assert until(reached[moment], PATIENCE)
        assert served.running
        assert any(temporary.iterdir())
    assert not list(temporary.iterdir())


def test_a_port_that_is_taken_is_a_sentence(busy_port):
    """Another server on the port is not mistaken for the docs."""
    run = workshop_process.run(paths.ROOT, "docs", "--port", str(busy_port), COLUMNS="80")
    assert (run.returncode, run.stdout) == (1, "")
    said = in_one_line(run.stderr)
    assert re.match(rf"Port {busy_port} is taken by .*\(pid {os.getpid()}\)\.", said)
    assert "already being served" not in said
    assert re.search(r"Use another port: \./workshop docs --port \d+$", run.stderr.rstrip())


def test_a_served_site_tells_how_far_it_is_and_its_address_once_it_answers(tmp_path):
    root, port = tmp_path / "root", free_port()
    (root / "lessons").mkdir(parents=True)
    (root / "docs").mkdir()
    (root / "mkdocs.yml").write_text("site_name: Tiny\n")
    for number in range(25):
        (root / f"docs/{number or 'index'}.md").write_text(f"# Page {number}\n")
    variables = startup.environment(root) | {"TMPDIR": str(tmp_path)}
    with Child(startup.workshop("docs", "--port", str(port)), environment=variables) as served:
        lines = served.lines()
        assert next(lines) == "Building the site …"
        assert is_free(port)
        assert next(lines) == "  10 of 25 pages"
        assert next(lines) == "  20 of 25 pages"
        assert next(lines) == f"The docs are at http://localhost:{port} · stop: Ctrl-C"
        assert httpx.get(f"http://localhost:{port}/1/").status_code == 200
        (root / "docs/1.md").write_text("# Another\n")
        assert until(lambda: "Another" in httpx.get(f"http://localhost:{port}/1/").text, PATIENCE)
        served.terminate()
        assert list(lines) == [], "what is built again is not told"


def test_the_core_path_takes_at_most_four_and_a_half_hours():
    assert sum(lesson.minutes for lesson in LESSONS) <= 270


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_variable_before_a_command_of_the_workshop_reaches_the_project(page):
    """The workshop drops the settings of the shell, except those that WORKSHOP_KEEP names."""
    known = {"REDIS_URL", "PYTHON", "HTTPS_PROXY"}
    for line in re.findall(
        r"((?:\w+=\S+ )+)(?:\.\./\.\./|\./)workshop (?:up|check|doctor|notebooks)",
        page.read_text(encoding="utf-8"),
    ):
        values = dict(part.split("=", 1) for part in line.split())
        kept = set(values.get("WORKSHOP_KEEP", "").replace('"', "").split())
        dropped = {name for name in values if not name.startswith("WORKSHOP_")} - kept - known
        assert not dropped, f"{line}: write WORKSHOP_KEEP={' '.join(sorted(dropped))} in front of it"
