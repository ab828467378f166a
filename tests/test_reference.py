"""The reference pages: nothing is missing on them, and what they quote is what the installed versions say."""

import os
import re
import runpy
import subprocess
import sys
from html import unescape

import markdown
import pytest
import typer
from typer.testing import CliRunner

from workshop import commands_page, paths
from workshop.cli import app
from workshop.docsite import settings_page, snippets
from workshop.errors import WorkshopError
from workshop.runtime.broker import Broker
from workshop.system.environment import inherited, read_by

PAGES = paths.DOCS / "reference"
RUNS = paths.DOCS / "runs/reference"
CONFIGS = {"workshop.docsite.snippets": {"generated": {"commands": "workshop.commands_page:markdown"}}}
EXTENSIONS = ["workshop.docsite.snippets", "pymdownx.superfences", "attr_list", "tables", "def_list"]
SOLUTIONS = sorted(each for each in paths.SOLUTIONS.iterdir() if (each / "manage.py").is_file())


def source(name):
    return (PAGES / name).read_text(encoding="utf-8")


def names(name):
    """All words in backticks on a page."""
    return set(re.findall(r"`([^`\n]+)`", source(name)))


def html(text):
    return markdown.markdown(text, extensions=EXTENSIONS, extension_configs=CONFIGS)


def paths_of_commands(command, path=()):
    below = getattr(command, "commands", None)
    if below is None:
        return [path]
    return [found for name, each in below.items() for found in paths_of_commands(each, (*path, name))]


COMMANDS = paths_of_commands(typer.main.get_command(app))


@pytest.fixture(scope="module")
def commands():
    return html(source("commands.md"))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_is_on_the_page(commands, path):
    """`--help` is the other way to ask the command line: all that it lists, the page has."""
    _, heading, section = commands.partition(f'<h3 id="{"-".join(path)}">')
    assert heading, f"no heading for {' '.join(path)}"
    section = unescape(re.split("<h[23]", section)[0])
    assert f"./workshop {' '.join(path)}" in section
    said = CliRunner().invoke(app, [*path, "--help"], terminal_width=200, env={"COLUMNS": "200"}).output
    listed = re.findall(
        r"^│\s+\*?\s*(--[\w-]+|[A-Z][A-Z|]*)\s", re.sub(r"\x1b\[[\d;]*m", "", said), flags=re.M
    )
    assert "--help" in listed, said
    for word in set(listed) - {"--help"}:
        assert f"<code>{word}" in section, f"{' '.join(path)} {word}"


def test_common_options_are_on_the_page(commands):
    first = commands.partition("<h3")[0]
    for name in ("--debug", "--version", "--help", "-h"):
        assert f"<code>{name}</code>" in first, name


def test_spellings_of_an_option_have_an_order():
    """Click keeps those of --help in a set, whose order differs from process to process."""
    assert "| `-h`, `--help` |" in commands_page.markdown()


def test_a_new_command_comes_by_itself(monkeypatch):
    new = typer.Typer()

    @new.command()
    def bench(rounds: int = typer.Argument(3, help="How often | at most."), fast: bool = False):
        """Measure *it*."""

    @new.command()
    def other():
        """Another one."""

    monkeypatch.setattr("workshop.cli.app", new)
    shown = commands_page.markdown()
    assert "### bench { #bench }" in shown
    assert "./workshop bench [ROUNDS] [--fast]" in shown
    assert r"| `ROUNDS` | How often \| at most. | `3` |" in shown
    assert "`--fast`, `--no-fast`" in shown
    assert r"Measure \*it\*." in shown


def test_variables_of_the_command_line():
    read = {name for file in (paths.ROOT / "src").rglob("*.py") for name in read_by(file)}
    script = (paths.ROOT / "workshop").read_text(encoding="utf-8")
    read |= set(re.findall(r"\$\{?([A-Z][A-Z_]+)", script))
    assert {"REDIS_URL", "NO_COLOR", "PYTHON", "WORKSHOP_BROKER_PORT"} <= read
    missing = read - names("commands.md")
    assert not missing, f"{', '.join(sorted(missing))}: read, and not in docs/reference/commands.md"


@pytest.mark.parametrize("solution", SOLUTIONS, ids=lambda each: each.name)
def test_settings_of_every_solution(solution):
    text = (solution / "myproject/settings.py").read_text(encoding="utf-8")
    wanted = {f"{name}" for name in re.findall(r"^ *(CELERY_\w+) =", text, flags=re.M)}
    for file in solution.rglob("*.py"):
        wanted |= read_by(file)
        wanted |= set(re.findall(r"\bsettings\.([A-Z]\w+)", file.read_text(encoding="utf-8")))
    missing = wanted - names("settings.md") - {"DATABASES", "MEDIA_URL"}
    assert not missing, f"{', '.join(sorted(missing))}: not in docs/reference/settings.md"


def test_celery_knows_every_setting_on_the_page():
    known = settings_page.celery_options()
    own = {name for name in names("settings.md") if re.fullmatch(r"CELERY_[A-Z_]+", name)} - {"CELERY_"}
    assert len(own) > 15
    table = source("settings.md").partition("{ #not-used }")[2]
    foreign = {
        name for row in re.findall(r"^\| (`.+?) \|", table, flags=re.M) for name in re.findall(r"\w+", row)
    }
    assert len(foreign) > 25
    for name in {each.removeprefix("CELERY_").lower() for each in own} | foreign:
        assert name in known, name


def test_values_are_those_of_the_project(tmp_path, monkeypatch):
    file = settings_page.project() / "myproject/settings.py"
    for name in list(os.environ):
        if name in read_by(file):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.syspath_prepend(str(file.parents[1]))
    real = runpy.run_module("myproject.settings")
    for name in [each for each in sys.modules if each.partition(".")[0] == "myproject"]:
        monkeypatch.delitem(sys.modules, name)
    for name in (
        "CELERY_RESULT_EXPIRES",
        "CELERY_TIMEZONE",
        "CELERY_TASK_PUBLISH_RETRY_POLICY",
        "SWEEP_AFTER",
        "SWEEP_TIMES",
        "EMAIL_PORT",
        "MAX_UPLOAD_BYTES",
    ):
        assert eval(settings_page.setting(name), {}) == real[name], name


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("setting CELERY_GONE", "no CELERY_GONE"),
        ("setting CELERY_BEAT_SCHEDULE", "spans several lines"),
        ("task resize_image_task.gone", "no task resize_image_task with the option gone"),
        ("celery result_gone", "Celery has no result_gone"),
        ("kombu gone", "Kombu's Redis transport has no gone"),
    ],
)
def test_a_value_that_vanished_fails_the_build(place, says):
    with pytest.raises(WorkshopError, match=says):
        settings_page.filled(f"| {{{{ {place} }}}} |")


def test_values_are_not_put_into_code():
    """A template's own braces, and a fenced block, stay as they are."""
    text = "```text\n{{ celery result_expires }}\n```\n\n{{ photo.name }} {{ celery result_expires }}"
    shown = snippets.Snippets(markdown.Markdown(), {}).run(text.splitlines())
    assert shown[1] == "{{ celery result_expires }}"
    assert shown[-1] == "{{ photo.name }} `86400`"


def printed(script, tmp_path):
    """Run a script of docs/runs/reference with a separate broker, and return the lines that it prints."""
    with Broker(prefer=None) as broker:
        done = subprocess.run(
            [sys.executable, str(RUNS / script)],
            cwd=tmp_path,
            env=inherited() | {"REDIS_URL": broker.url, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_messages_are_those_of_the_installed_versions(tmp_path):
    found = printed("messages.py", tmp_path)
    assert len(found) > 30
    page = " ".join(source("troubleshooting.md").split())
    for message in found:
        assert f"`{message}`" in page, f"the page does not have: {message}"


def test_states_are_those_of_the_installed_versions(tmp_path):
    """The states as on the page. Pids, and the order of events, differ from run to run."""

    def states(lines):
        return [(line[:36].strip(), *line[36:].split()[:5]) for line in lines if line[:1] not in (" ", "$")]

    shown = (RUNS / "every-state.txt").read_text(encoding="utf-8").splitlines()
    assert states(printed("every_state.py", tmp_path)) == states(shown)
    assert len(states(shown)) > 12


def test_glossary_is_in_order():
    terms = re.findall(r"^(.+) \{ #[\w-]+ \}$", source("glossary.md"), flags=re.M)
    assert len(terms) > 50
    assert terms == sorted(terms, key=str.casefold)
