"""The terminal outputs of the pages: each has its way of being made again, and the quick ones still hold."""

import re

import pytest

from workshop import paths
from workshop.course import lessons
from workshop.errors import WorkshopError
from workshop.transcripts import manifest, output_text, record

FOLDERS = manifest.folders()
ENTRIES = [entry for folder in FOLDERS for entry in folder.entries]
QUICK = [entry for entry in ENTRIES if entry.quick]


def name(entry):
    return f"{entry.folder.name}-{entry.files[0].removesuffix('.txt')}"


@pytest.mark.parametrize("entry", QUICK, ids=name)
def test_quick_outputs_are_what_is_printed(entry):
    for file, text in entry.make().items():
        shown = (entry.folder / file).read_text(encoding="utf-8")
        assert output_text.shape(text) == output_text.shape(shown), f"./workshop dev runs {entry.folder.name}"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.path.name)
def test_every_output_can_be_made_again(folder):
    there = sorted(file.name for file in folder.path.glob("*.txt"))
    assert sorted(folder.listed) == there, "list it in runs.toml, or put the script of its name beside it"


def test_few_are_made_by_hand():
    by_hand = {name: why for folder in FOLDERS for name, why in folder.by_hand.items()}
    assert len(by_hand) <= 10
    assert all(len(why) > 40 for why in by_hand.values()), "say why, and how"


def test_scripts_that_make_outputs_have_the_part_that_is_named():
    commands = [command for folder in FOLDERS for command in folder.made_by.values()]
    named = [match for each in commands if (match := re.search(r"python (docs/\S+\.py) ([a-z]+)$", each))]
    assert len(named) > 10
    for script, part in (match.groups() for match in named):
        text = (paths.ROOT / script).read_text(encoding="utf-8")
        assert f"\ndef {part}(" in text, f"{script} {part}"


@pytest.mark.parametrize("entry", ENTRIES, ids=name)
def test_states_are_there(entry):
    lesson = lessons.find(entry.stage["lesson"])
    states = ["starter", "solution", *(f"after {step.id}" for step in lesson.steps)]
    assert entry.stage.get("state", "solution") in states


def test_lines():
    lines = ["a 1", "b 2", "a 3", "a 4", "b 5"]
    assert output_text.chosen(lines, keep="a") == ["a 1", "a 3", "a 4"]
    assert output_text.chosen(lines, drop="a", gap="…") == ["b 2", "…", "b 5"]
    assert output_text.chosen(lines, start="b", head=2) == ["b 2", "a 3"]
    assert output_text.chosen(lines, tail=1) == ["b 5"]
    assert output_text.chosen(lines, head=1) == ["a 1"]
    assert output_text.chosen(lines, keep="a", head=1, tail=1, gap="…") == ["a 1", "…", "a 4"]


def test_what_is_this_machines_own():
    text = "\x1b[1mat\x1b[0m /tmp/w-1/playground/x on localhost:41234, 41234 bytes"
    assert (
        output_text.cleaned(text, "/tmp/w-1", {41234: 6379})
        == "at playground/x on localhost:6379, 41234 bytes"
    )


ONE = "[2026-11-24 11:01:21,471] task[bc4c4fd6-a636-43fd-9bca-693cc80dc05c] took 0.41 s, pid 17: 8 left"


def test_shapes():
    same = "[2027-01-02 01:01:01,001] task[11111111-a636-43fd-9bca-693cc80dc05c]\ntook 7 s, pid 99: 8 left"
    assert output_text.shape(ONE) == output_text.shape(same)
    assert output_text.shape(ONE) != output_text.shape(same.replace("8 left", "9 left"))
    assert output_text.shape(ONE) != output_text.shape(same.replace("took", "take"))


def test_numbers_that_changed():
    assert output_text.changed_numbers(ONE, ONE.replace("0.41", "0.55")) == []
    assert "0.41 → 0.62" in output_text.changed_numbers(ONE, ONE.replace("0.41", "0.62"))[0]
    assert "8 → 3" in output_text.changed_numbers(ONE, ONE.replace("8 left", "3 left"))[0]
    broken_elsewhere = ONE.replace(" took", "\ntook").replace("0.41", "0.9")
    assert "0.41 → 0.9" in output_text.changed_numbers(ONE, broken_elsewhere)[0]
    assert output_text.changed_numbers(ONE, "other words, 900") == []


MANIFEST = """
[[stage]]
lesson = "01"
commands = [
  { run = "echo {said}; pwd", file = "say.txt", shown = "say" },
  { run = "cat hello.txt", file = "hello.txt" },
]
edits = [{ file = "Procfile", replace = "web:", with = "site:" }]
quick = true

[by_hand]
"picture.txt" = "nobody can type it"
"""


@pytest.fixture
def outputs(tmp_path, monkeypatch):
    """A docs folder with one output; everything else is the workshop's."""
    folder = tmp_path / "docs/runs/x"
    folder.mkdir(parents=True)
    (folder / "runs.toml").write_text(
        MANIFEST.replace("{said}", "hello").replace("cat hello.txt", "cat Procfile")
    )
    (folder / "say.txt").write_text("$ say\nhello\nplayground/01-sync\n")
    (folder / "hello.txt").write_text("$ cat Procfile\nsite: python manage.py runserver $PORT\n")
    (tmp_path / "docs/page.md").write_text('--8<-- "runs/x/say.txt"\n')
    for name in ("lessons", "solutions"):
        (tmp_path / name).symlink_to(paths.ROOT / name)
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(paths, "DOCS", tmp_path / "docs")
    return folder


def test_check_compares_and_writes_nothing(outputs, capsys):
    assert record.main([], check=True) == 0
    (outputs / "say.txt").write_text("$ say\nbye\nplayground/01-sync\n")
    assert record.main([], check=True) == 1
    assert (outputs / "say.txt").read_text() == "$ say\nbye\nplayground/01-sync\n"
    said = capsys.readouterr().out
    assert "x/say.txt  words have changed: docs/page.md" in said
    assert "+hello" in said


def test_writes(outputs, tmp_path):
    (outputs / "say.txt").write_text("")
    assert record.main(["x/say"], to=tmp_path / "new") == 0
    assert (tmp_path / "new/x/say.txt").read_text() == "$ say\nhello\nplayground/01-sync\n"
    assert (outputs / "say.txt").read_text() == ""
    assert record.main(["x"]) == 0
    assert (outputs / "say.txt").read_text() == "$ say\nhello\nplayground/01-sync\n"


def test_a_traceback_is_no_output(outputs, capsys):
    file = outputs / "runs.toml"
    file.write_text(file.read_text().replace("echo hello; pwd", "python -c 1/0"))
    assert record.main(["x/say"]) == 1
    assert (outputs / "say.txt").read_text() == "$ say\nhello\nplayground/01-sync\n"
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_a_script_is_its_outputs_way(outputs):
    (outputs / "two_words.py").write_text("print('two')\n")
    (outputs / "two-words.txt").write_text("$ python docs/runs/x/two_words.py\n")
    assert "two-words.txt" in manifest.read(outputs).listed


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("shown =", "show =", "a command does not support show"),
        ("quick", "quickly", "a stage does not support quickly"),
        ("[[stage]]", "[[stage", "runs.toml cannot be read"),
    ],
)
def test_a_wrong_manifest_is_named(outputs, before, after, says):
    file = outputs / "runs.toml"
    file.write_text(file.read_text().replace(before, after, 1))
    with pytest.raises(WorkshopError, match=says):
        manifest.folders()


def test_an_unknown_output_is_named(outputs):
    with pytest.raises(WorkshopError, match="Name a folder"):
        record.main(["nowhere"])
    with pytest.raises(WorkshopError, match="nobody can type it"):
        record.main(["x/picture"])
