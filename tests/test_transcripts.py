"""The terminal outputs of the pages: each has its way of being made again, and the quick ones still hold."""

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec

import psutil
import pytest
from projects import PATIENCE, copy_of

from workshop import paths
from workshop.course import lessons
from workshop.errors import WorkshopError
from workshop.photos import samples
from workshop.system.child import Child
from workshop.system.environment import inherited
from workshop.system.waiting import until
from workshop.transcripts import made_by, manifest, output_text, record
from workshop.transcripts.output_text import Selection
from workshop.transcripts.stage import Stage

FOLDERS = manifest.folders()
RECORDED = [entry for folder in FOLDERS for entry in folder.entries]
ENTRIES = [entry for entry in RECORDED if isinstance(entry, manifest.Entry)]
COMMANDS = [entry.command for entry in RECORDED if isinstance(entry, made_by.MadeBy)]
SCRIPTS = [
    (paths.ROOT / match[1], match[2])
    for command in COMMANDS
    if (match := re.match(r"python (docs/\S+\.py)(?: ([a-z]+))?$", command))
]
QUICK = [entry for entry in ENTRIES if entry.quick]


def name(entry):
    return f"{entry.folder.name}-{entry.files[0].removesuffix('.txt')}"


@pytest.mark.parametrize("entry", QUICK, ids=name)
def test_quick_outputs_are_what_is_printed(entry):
    for file, text in entry.record().items():
        shown = (entry.folder / file).read_text(encoding="utf-8")
        assert output_text.masked(text) == output_text.masked(shown), (
            f"./workshop dev runs {entry.folder.name}"
        )


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.path.name)
def test_every_output_can_be_made_again(folder):
    there = sorted(file.name for file in folder.path.glob("*.txt"))
    assert sorted(folder.listed) == there, "list it in runs.toml, or put the script of its name beside it"


def test_few_are_made_by_hand():
    by_hand = {name: why for folder in FOLDERS for name, why in folder.by_hand.items()}
    assert len(by_hand) <= 10
    assert all(len(why) > 40 for why in by_hand.values()), "say why, and how"


def test_commands_start_a_program_that_exists():
    """`dev runs` sets all variables, so a command starts with its program and leaves nothing to fill in."""
    for command in COMMANDS:
        program = command.split()[0]
        found = subprocess.run(
            ["bash", "-c", f"command -v {program}"], cwd=paths.ROOT, env=made_by.environment(), check=False
        )
        assert found.returncode == 0, command
        assert "…" not in command


def test_commands_have_a_script_with_the_part_that_is_named():
    assert len(SCRIPTS) > 10
    for script, part in SCRIPTS:
        text = script.read_text(encoding="utf-8")
        assert not part or f"\ndef {part}(" in text, f"{script} {part}"


def test_scripts_import_modules_that_exist():
    """Some of the modules are in tests/."""
    for script in dict.fromkeys(script for script, _ in SCRIPTS):
        tree = ast.parse(script.read_text(encoding="utf-8"))
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        names = [getattr(node, "module", None) or node.names[0].name for node in imports]
        missing = [name for name in names if find_spec(name) is None]
        assert not missing, f"{script} imports {missing}"


def test_a_command_finds_the_workshop_and_records_its_output(capsys, tmp_path):
    output = paths.DOCS / "runs/guides/scale-priorities.txt"
    before = output.read_text(encoding="utf-8")
    assert record.main(["guides/scale-priorities"], to=tmp_path) == 0
    assert "guides/scale-priorities.txt  unchanged" in capsys.readouterr().out
    assert (tmp_path / "guides" / output.name).read_text(encoding="utf-8") == before
    assert output.read_text(encoding="utf-8") == before


WITHOUT_BROKER = """
import os, runpy, sys
from pathlib import Path

import django

sys.path.insert(0, os.getcwd())
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "myproject.settings")
django.setup()
for script in sys.argv[1:]:
    script, *sys.argv[1:] = script.split()
    sys.argv[0] = script
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as error:
        print(Path(script).name, error)
    except BaseException as error:
        print(Path(script).name, repr(error))
    else:
        print(Path(script).name, "ended")
"""
NEED_NO_BROKER = {
    "02": {"json_types.py"},
    "03": {"broker_down.py", "no_broker.py", "on_commit.py"},
    "04": {"in_flower.py"},
    "05": {
        *("day_hours.py", "last_mail.py", "live_copy.py", "names.py", "next_runs.py", "order.py"),
        *("orphans.py", "rotation.py", "schedule_file.py", "whose_day.py"),
    },
}


ARGUMENTS = {"two_beats.py": "only"}


@pytest.mark.parametrize("lesson", ["02", "03", "04", "05"])
def test_scripts_say_that_no_broker_responds_before_they_change_anything(lesson, tmp_path):
    """The project has no database, so a script that reads or writes a row first fails."""
    project = copy_of(lessons.find(lesson).solution, tmp_path / "playground/project")
    shutil.copytree(paths.DOCS / "runs", tmp_path / "docs/runs")
    scripts = {file.name for file in (tmp_path / "docs/runs" / lesson).glob("*.py")}
    assert scripts >= NEED_NO_BROKER[lesson]
    names = sorted(scripts - NEED_NO_BROKER[lesson])
    environment = inherited() | {"REDIS_URL": "redis://:secret@localhost:1/0", "PHOTOS": "1", "EXPORTS": "1"}
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            WITHOUT_BROKER,
            *(f"../../docs/runs/{lesson}/{name} {ARGUMENTS.get(name, '')}" for name in names),
        ],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    said = run.stdout.splitlines()
    assert [line.split()[0] for line in said] == names, run.stdout + run.stderr
    assert [line for line in said if " No broker responds at redis://localhost:1/" not in line] == []
    assert "secret" not in run.stdout
    assert [file for file in (project / "data").rglob("*") if file.is_file()] == []


@pytest.fixture
def first_lesson(tmp_path):
    """Return a function that runs a script of docs/runs/01 in a clone in which lesson 01 has been started."""
    project = copy_of(lessons.find("01").solution, tmp_path / "playground/01-sync")
    shutil.copytree(paths.DOCS / "runs/01", tmp_path / "docs/runs/01")
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples/photo.jpg").write_bytes(samples.photo(1600, 1200))

    def run(folder, script, *names):
        folder = {"clone": tmp_path, "project": project}[folder]
        path = os.path.relpath(tmp_path / "docs/runs/01" / script, folder)
        return subprocess.run(
            [sys.executable, path, *names], cwd=folder, capture_output=True, text=True, check=False
        )

    return run


@pytest.mark.parametrize("folder", ["clone", "project"])
@pytest.mark.parametrize(
    ("script", "names", "says"),
    [
        ("sizes.py", [], "320×240   becomes  320×240"),
        ("resize.py", ["photo.jpg"], "  resized         JPEG RGB   800×600"),
        ("resize.py", ["samples/photo.jpg"], "  resized         JPEG RGB   800×600"),
        ("decode.py", ["photo.jpg"], "thumbnail_with_reducing_gap"),
        ("decode.py", ["samples/photo.jpg"], "thumbnail_with_reducing_gap"),
    ],
)
def test_the_scripts_of_lesson_01_run_in_both_folders(first_lesson, folder, script, names, says):
    run = first_lesson(folder, script, *names)
    assert run.returncode == 0, run.stderr
    assert says in run.stdout


@pytest.mark.parametrize(
    ("script", "names", "says"),
    [
        ("resize.py", [], "Pass the names of files in samples/"),
        ("resize.py", ["photo.jpg", "lake.jpg"], "samples/ doesn't contain lake.jpg."),
        ("decode.py", [], "samples/ doesn't contain held-upright.jpg."),
    ],
)
def test_the_scripts_of_lesson_01_end_with_a_sentence(first_lesson, script, names, says):
    run = first_lesson("clone", script, *names)
    assert run.returncode == 1
    assert run.stderr.startswith(says), run.stderr


@pytest.mark.parametrize("entry", ENTRIES, ids=name)
def test_states_are_there(entry):
    lesson = lessons.find(entry.stage.lesson)
    states = ["starter", "solution", *(f"after {step.id}" for step in lesson.steps)]
    assert entry.stage.state in states


def test_lines():
    lines = ["a 1", "b 2", "a 3", "a 4", "b 5"]
    assert Selection(keep="a").of(lines) == ["a 1", "a 3", "a 4"]
    assert Selection(drop="a", gap="…").of(lines) == ["b 2", "…", "b 5"]
    assert Selection(start="b", head=2).of(lines) == ["b 2", "a 3"]
    assert Selection(tail=1).of(lines) == ["b 5"]
    assert Selection(head=1).of(lines) == ["a 1"]
    assert Selection(keep="a", head=1, tail=1, gap="…").of(lines) == ["a 1", "…", "a 4"]


def test_what_is_this_machines_own():
    text = "\x1b[1mat\x1b[0m /tmp/w-1/playground/x on localhost:41234, 41234 bytes"
    assert (
        output_text.cleaned(text, "/tmp/w-1", {41234: 6379})
        == "at playground/x on localhost:6379, 41234 bytes"
    )


ONE = "[2026-11-24 11:01:21,471] task[bc4c4fd6-a636-43fd-9bca-693cc80dc05c] took 0.41 s, pid 17: 8 left"


def test_shapes():
    same = "[2027-01-02 01:01:01,001] task[11111111-a636-43fd-9bca-693cc80dc05c]\ntook 7 s, pid 99: 8 left"
    assert output_text.masked(ONE) == output_text.masked(same)
    assert output_text.masked(ONE) != output_text.masked(same.replace("8 left", "9 left"))
    assert output_text.masked(ONE) != output_text.masked(same.replace("took", "take"))


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

[made_by]
"one.txt" = "for name in one two; do echo $name >docs/runs/x/$name.txt; done"
"two.txt" = "for name in one two; do echo $name >docs/runs/x/$name.txt; done"

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
    (tmp_path / "docs/examples").mkdir()
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


def test_a_command_writes_several_outputs(outputs, capsys):
    (outputs / "one.txt").write_text("0\n")
    assert record.main(["x/one"]) == 0
    assert ((outputs / "one.txt").read_text(), (outputs / "two.txt").read_text()) == ("one\n", "two\n")
    said = capsys.readouterr().out
    assert "x/one.txt  words have changed: not on any page" in said
    assert "-0" in said
    assert "+two" in said


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("echo half >docs/runs/x/one.txt; echo it broke; exit 3", "failed with exit code 3"),
        ("echo half >docs/runs/x/one.txt; echo it broke", "did not write two.txt"),
    ],
)
def test_a_command_that_fails_changes_no_output(outputs, capsys, command, says):
    file = outputs / "runs.toml"
    file.write_text(re.sub("for name in .*; done", command, file.read_text()))
    for name in ("one", "two"):
        (outputs / f"{name}.txt").write_text("0\n")
    assert record.main(["x/one"]) == 1
    assert [(outputs / f"{name}.txt").read_text() for name in ("one", "two")] == ["0\n", "0\n"]
    said = " ".join(capsys.readouterr().out.split())
    assert says in said
    assert "it broke" in said


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
    with pytest.raises(WorkshopError, match="Specify a folder"):
        record.main(["nowhere"])
    with pytest.raises(WorkshopError, match="nobody can type it"):
        record.main(["x/picture"])


def test_a_process_that_does_not_start_is_named():
    stage = Stage("01", "starter", broker=False, processes={"fish": "exit 3"})
    with pytest.raises(WorkshopError, match="^fish did not start"), stage:
        pass


def test_a_log_without_the_line_is_shown(monkeypatch):
    monkeypatch.setattr("workshop.transcripts.stage.SECONDS", 0)
    with Stage("01", "starter", broker=False, processes={"fish": "echo swims; sleep 600"}) as stage:
        assert stage.log("fish", "swims") == "swims\n"
        with pytest.raises(
            WorkshopError, match=r"(?s)The log of fish doesn't contain 'flies'.*\(expected: 1\).*swims"
        ):
            stage.log("fish", "flies")


RECORDING = """
import sys
from workshop.transcripts.stage import Stage
with Stage("02", broker=False) as stage:
    stage.run(sys.argv[1], cwd=".")
"""


@pytest.mark.parametrize("command", ["./workshop check", "(./workshop check; true); true"])
def test_an_interrupted_recording_leaves_no_broker(command):
    """Only the recorded check itself can stop its broker, so a second Ctrl-C must not kill the check."""
    environment = os.environ | {"PYTHONPATH": str(paths.SOURCES)}
    with Child([sys.executable, "-c", RECORDING, command], environment=environment) as recording:
        process = psutil.Process(recording.pid)

        def brokers():
            return [child for child in process.children(recursive=True) if child.name() == "valkey-server"]

        broker, *_ = until(brokers, 120)
        recording.signal(signal.SIGINT)
        until(lambda: not recording.running, 0.3)
        recording.signal(signal.SIGINT)
        recording.wait(120)
        left = broker.is_running()
        if left:
            broker.kill()
        assert not left


@pytest.mark.parametrize(
    "script", ["05/live_copy.py", "05/next_runs.py", "05/schedule_file.py", "05/two_beats.py"]
)
@pytest.mark.parametrize("argument", [[], ["three", "words", "more"]], ids=["none", "too-many"])
def test_scripts_print_their_usage(script, argument):
    command = [sys.executable, paths.DOCS / "runs" / script, *argument]
    run = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("usage: ")
    assert "Traceback" not in run.stderr
