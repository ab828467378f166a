"""Output wraps at the terminal's width, but a command that a learner copies stays in one line."""

import ast
import os
import pty
import subprocess
import sys
import termios

import pytest

from workshop import paths
from workshop.console import console, listed, say, verbatim


@pytest.fixture
def printed(monkeypatch, capsys):
    """printed(width, …): the lines that `say` prints in a terminal of this width."""

    def printed(width, *arguments, **options):
        monkeypatch.setattr(console, "width", width)
        say(*arguments, **options)
        return capsys.readouterr().out.splitlines()

    return printed


WORDS = "from workshop.console import say; say('word ' * 100)"


@pytest.mark.parametrize(("environment", "widest"), [({}, 79), ({"COLUMNS": "50"}, 49)])
def test_into_a_pipe_a_line_has_80_columns_or_what_columns_says(environment, widest):
    environment = {name: os.environ[name] for name in os.environ if name != "COLUMNS"} | environment
    lines = subprocess.run(
        [sys.executable, "-c", WORDS],
        env=environment | {"PYTHONPATH": str(paths.ROOT / "src")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert max(map(len, lines)) == widest


def test_in_a_terminal_a_line_is_as_long_as_that_is_wide():
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (24, 60))
    environment = {name: os.environ[name] for name in os.environ if name != "COLUMNS"}
    command = [sys.executable, "-c", WORDS]
    subprocess.run(
        command,
        env=environment | {"PYTHONPATH": str(paths.ROOT / "src")},
        stdin=end,
        stdout=end,
        check=True,
    )
    os.close(end)
    assert max(len(line.rstrip("\r")) for line in os.read(terminal, 10_000).decode().split("\n")) == 59


@pytest.mark.parametrize("width", [40, 80, 100])
def test_sentences_wrap_at_the_width_of_the_terminal(printed, width):
    text = "  " + "A photo is resized. " * 30
    lines = printed(width, text)
    assert max(map(len, lines)) <= width < max(map(len, lines)) + len("resized. ")
    assert all(line.startswith("  A") or line.startswith("  photo") or line[2:3] in "ir" for line in lines)
    assert " ".join(" ".join(lines).split()) == text.strip()


def test_no_sentence_is_wider_than_100_columns(printed):
    assert max(map(len, printed(300, "word " * 100))) <= 100


def test_a_value_hangs_at_its_column(printed):
    assert printed(50, "  found   eleven photos that nobody has resized since yesterday", hang=10) == [
        "  found   eleven photos that nobody has resized",
        "          since yesterday",
    ]


def test_in_a_narrow_terminal_nothing_hangs_so_far(printed):
    assert printed(24, "  found        eleven photos nobody resized", hang=15) == [
        "  found        eleven",
        "  photos nobody resized",
    ]


@pytest.mark.parametrize(
    "command",
    [
        "./workshop docs --port 8123",
        "../../workshop check 3.1",
        "python manage.py migrate",
        "cd playground/03-images && python manage.py migrate",
        "celery -A myproject worker -l info",
        "`redis-cli -p 6379 llen celery`",
        "kill 4711",
        "unset REDIS_URL",
        "/a/path/that/is/one/word-with-hyphens.py",
    ],
)
def test_a_command_stays_in_one_line(printed, command):
    for before in range(1, 60):
        lines = printed(60, f"{'x' * before} or: {command}, and then try it again.")
        assert any(command in line for line in lines), lines
        assert max(map(len, lines)) <= 60


def test_a_command_that_fits_into_no_line_is_broken_at_blanks(printed):
    lines = printed(30, "cd playground/03-images && python manage.py migrate --no-input")
    assert lines == ["cd playground/03-images &&", "python manage.py migrate", "--no-input"]


def test_paragraphs_markup_and_empty_lines(printed):
    assert printed(80, "\n[one]\n\n  two\n") == ["", "[one]", "", "  two", ""]
    assert printed(80, "[bold]one[/] two", markup=True) == ["one two"]
    assert printed(80, "") == [""]


def test_code_is_printed_as_it_is(monkeypatch, capsys):
    monkeypatch.setattr(console, "width", 20)
    code = "    photos = UploadedImage.objects.filter(state=':warning:')  # [bold]"
    verbatim(code)
    assert capsys.readouterr().out == code + "\n"


def test_every_module_prints_through_it():
    """No other module decides how lines wrap."""
    for file in (paths.ROOT / "src/workshop").rglob("*.py"):
        calls = [
            node.func
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "print"
        ]
        owners = {node.value.id for node in calls if isinstance(node.value, ast.Name)}
        assert file.name == "console.py" or not owners & {"console", "error_console"}, file


@pytest.mark.parametrize(("things", "text"), [([1], "1"), ([1, 2], "1 and 2"), ("abc", "a, b and c")])
def test_a_list_ends_with_and(things, text):
    assert listed(things) == text
