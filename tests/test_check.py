"""`./workshop check` and `watch`: what they print and remember, and that they leave nothing behind."""

import dataclasses
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import tempfile
import termios
from pathlib import Path

import psutil
import pytest
import watchfiles
from file_watch_limits import limited
from files import edit
from printed_text import Printed
from processes import alive, command_line, descendants, kill
from projects import ALWAYS_PNG, NOT_UPRIGHT, copy_of

from benchmarks import startup
from workshop import paths
from workshop.checkkit import Complaint
from workshop.checkkit.code_locations import UNKNOWN
from workshop.checks import pytest_process, runner
from workshop.checks.events import Checked, Finished
from workshop.commands import check
from workshop.course import lessons, progress, project
from workshop.runtime import diagnosis
from workshop.runtime.broker import Broker
from workshop.system import signals
from workshop.system.child import Child
from workshop.system.file_watcher import CodeFilter
from workshop.system.waiting import until


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """The learner's copy of lesson 01, solved, in a temporary playground."""
    monkeypatch.setattr(paths, "PLAYGROUND", tmp_path / "playground")
    monkeypatch.setattr(paths, "STATE", tmp_path / "state")
    lesson = lessons.find("01")
    return project.Project(copy_of(lesson.solution, paths.PLAYGROUND / lesson.name), lesson)


def eventually(condition, seconds=180):
    """Wait until `condition()` is true, and return its value. Fails the test after `seconds`."""
    value = until(condition, seconds)
    assert value
    return value


def test_a_solved_lesson_passes_and_is_remembered(mine, capsys):
    assert check.main(mine) == 0
    said = Printed(capsys.readouterr().out)
    assert "✓ 1.1" in said
    assert "2 of 2 core steps" in said
    assert "Next: ./workshop start 02" in said
    assert progress.passed_steps("01-sync") == ["1.1", "1.2", "1.3", "1.4"]


def test_the_first_failing_step_is_explained_and_the_next_not_reached(mine, capsys):
    steps = [dataclasses.replace(step, optional=False) for step in mine.lesson.steps]
    mine = project.Project(mine.folder, dataclasses.replace(mine.lesson, steps=steps))
    edit(mine.folder / "images/resizing.py", NOT_UPRIGHT)
    assert check.main(mine) == 1
    said = Printed(capsys.readouterr().out)
    assert "✓ 1.1" in said
    assert "✗ 1.2" in said
    assert f"· 1.3   {steps[2].title}   (not reached)" in said
    assert "is not upright after being resized" in said
    assert "Next: ./workshop hint 1.2" in said
    assert progress.passed_steps("01-sync") == ["1.1"]


def test_a_failed_optional_step_does_not_end_the_run(mine, capsys):
    """The core steps after it are checked, and the lesson is done. But a check of that step alone fails."""
    steps = [dataclasses.replace(step, optional=step.id == "1.2") for step in mine.lesson.steps]
    mine = project.Project(mine.folder, dataclasses.replace(mine.lesson, steps=steps))
    edit(mine.folder / "images/resizing.py", NOT_UPRIGHT)
    assert check.main(mine) == 0
    said = Printed(capsys.readouterr().out)
    assert "○ 1.2" in said
    assert "✓ 1.4" in said
    assert progress.passed_steps("01-sync") == ["1.1", "1.3", "1.4"]
    assert check.main(mine, "1.2") == 1
    assert "is not upright after being resized" in Printed(capsys.readouterr().out)


def test_one_step_is_checked_and_remembered_alone(mine, capsys):
    progress.set_passed_steps("01-sync", ["1.1"])
    assert check.main(mine, "1.3") == 0
    shown = re.findall(r"[✓✗] (\d\.\d) ", Printed(capsys.readouterr().out))
    assert shown == ["1.3"], "a run may take 1.2 seconds, too"
    assert progress.passed_steps("01-sync") == ["1.1", "1.3"]
    edit(mine.folder / "images/resizing.py", ALWAYS_PNG)
    assert check.main(mine, "1.3") == 1
    assert progress.passed_steps("01-sync") == ["1.1"]


@pytest.mark.parametrize(
    ("step", "sum_"), [("1.1", "step 1.1 · "), (None, "2 of 2 core steps, 2 of 2 optional · ")]
)
def test_a_check_of_the_solution_is_no_progress(mine, capsys, step, sum_):
    assert check.main(project.at(paths.SOLUTIONS / "01-sync"), step) == 0
    assert progress.passed_steps("01-sync") == []
    said = Printed(capsys.readouterr().out)
    assert sum_ in said
    assert "Next" not in said, "the learner is somewhere else"


@pytest.mark.parametrize(
    ("name", "old", "new", "read"),
    [
        (
            "images/views.py",
            "def upload(request):",
            "def upload(request:",
            "cannot be read: '(' was never closed",
        ),
        ("images/views.py", "import time", "import tmie", "No module named 'tmie'"),
        ("images/urls.py", "views.detail", "views.detial", "images/urls.py:10: AttributeError"),
        ("myproject/settings.py", "USE_TZ = True", "USE_TZ = Ture", "name 'Ture' is not defined"),
        (
            "myproject/settings.py",
            "from pathlib import Path\n",
            "from pathlib import Pfad\n",
            "ImportError: cannot import name 'Pfad' from 'pathlib'",
        ),
        ("images/models.py", "models.BooleanField", "models.BoolField", "images/models.py"),
    ],
)
def test_a_project_that_cannot_start_says_file_line_and_steps(mine, capsys, name, old, new, read):
    edit(mine.folder / name, (old, new))
    assert check.main(mine) == 1
    said = Printed(capsys.readouterr().out)
    assert read in said
    line = next(line for line in (mine.folder / name).read_text().splitlines() if new.strip() in line)
    assert f"| {line}" in said
    assert "so steps 1.1 to 1.4 could not be checked." in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("name", "steps"), [("images/views.py", "step 1.4"), ("images/resizing.py", "steps 1.1, 1.2 and 1.3")]
)
def test_a_project_that_cannot_start_lists_the_steps_of_the_file(mine, capsys, name, steps):
    edit(mine.folder / name, ("from PIL" if "resizing" in name else "import time", "from"))
    assert check.main(mine) == 1
    assert f"You edit {name} in {steps}." in Printed(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("package", "module", "read"),
    [
        (
            "\nfrom .celery import celery_app\n",
            "app = None\n",
            [
                "myproject/__init__.py:2: ImportError: cannot import name 'celery_app'",
                "myproject.celery does not define celery_app.",
                "as celery_app",
            ],
        ),
        (
            "from .celery import app\n\nname = 1\n",
            "from myproject import name\n\napp = name\n",
            [
                "myproject/celery.py:1: ImportError: cannot import name 'name' from partially",
                "Two files import each other",
            ],
        ),
    ],
    ids=["an undefined name", "two files that import each other"],
)
def test_an_import_that_fails_is_shown_with_advice(mine, capsys, package, module, read):
    (mine.folder / "myproject/__init__.py").write_text(package)
    (mine.folder / "myproject/celery.py").write_text(module)
    assert check.main(mine) == 1
    said = Printed(capsys.readouterr().out)
    assert [text for text in read if text not in said] == []


@pytest.mark.parametrize("inside", [False, True], ids=["in the clone's folder", "in the copy"])
@pytest.mark.parametrize(
    ("missing", "renamed", "sentence", "command"),
    [
        ("images/urls.py", None, "Restore it:", "cp {original} {copy}"),
        ("images/urls.py", "images/url.py", "If you renamed it, rename it back:", "mv {renamed} {copy}"),
        ("Procfile", None, "Restore it:", "cp {original} {copy}"),
        ("Procfile", "Procfile.txt", "If you renamed it, rename it back:", "mv {renamed} {copy}"),
        ("images", None, "Restore it:", "cp -r {original} {copy}"),
        ("images", "image", "If you renamed it, rename it back:", "mv {renamed} {copy}"),
    ],
    ids=["deleted", "renamed", "deleted Procfile", "renamed Procfile", "deleted folder", "renamed folder"],
)
def test_a_missing_file_is_named_with_the_way_back(
    mine, capsys, monkeypatch, tmp_path, inside, missing, renamed, sentence, command
):
    """The command works in the folder where it is typed."""
    monkeypatch.setattr(paths, "ROOT", Path("/"))  # contains both the lesson and the copy
    monkeypatch.chdir(mine.folder if inside else tmp_path)
    kept = (mine.folder / missing).rename(mine.folder / (renamed or "../moved"))
    assert check.main(mine) == 1
    said = capsys.readouterr().out
    assert said.count("is missing") == 1
    places = {"original": mine.lesson.folder / missing, "copy": mine.folder / missing, "renamed": kept}
    typed = command.format(**{name: os.path.relpath(place) for name, place in places.items()})
    assert f"{missing} is missing. {sentence} {typed}" in Printed(said)
    assert said.count("\n    cp ") == 1, "indented, and the command on its own line"
    subprocess.run(typed, shell=True, check=True)
    assert check.preflight(mine) == []


def test_a_module_may_be_a_package(mine):
    package = mine.folder / "images/views"
    package.mkdir()
    assert not check.preflight(mine)
    (mine.folder / "images/views.py").rename(package / "pages.py")
    assert len(check.preflight(mine)) == 1, "a folder without __init__.py is no package"
    (package / "__init__.py").write_text("from .pages import *\n")
    assert not check.preflight(mine)


def test_an_exception_in_the_learners_code_is_told_with_its_line_and_prints(mine, capsys):
    edit(
        mine.folder / "images/views.py",
        ("photos = form.save()", 'print("before", form); photos = fom.save()'),
    )
    assert check.main(mine, "1.4") == 1
    said = Printed(capsys.readouterr().out)
    assert "NameError: name 'fom' is not defined" in said
    assert "raised at   images/views.py:" in said
    assert "Your code printed:" in said
    assert "This file doesn't define the name fom." in said


def test_code_that_never_ends_is_ended(mine, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(pytest_process, "MAX_SILENCE", 4)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = descendants()
    edit(
        mine.folder / "images/views.py",
        ("photos = form.save()", "photos = form.save()\n            while True: pass"),
    )
    assert check.main(mine, "1.4") == 1
    assert "Does your code contain an endless loop?" in Printed(capsys.readouterr().out)
    assert descendants() == before
    assert not list(tmp_path.glob("workshop-*"))


def test_code_that_ends_the_process_is_said(mine, capsys):
    """Also if it first closes its pipe and then exits slowly, as on a busy machine."""
    slowly = "import os; os.close(int(os.environ['WORKSHOP_EVENTS'])); os.system('sleep 1.5'); os._exit(3)"
    edit(mine.folder / "images/views.py", ("photos = form.save()", slowly))
    assert check.main(mine, "1.4") == 1
    assert "exited with code 3" in Printed(capsys.readouterr().out)


def watching(folder, before=()):
    """`./workshop watch` for step 1.1 of the project in `folder`."""
    command = [*before, *startup.workshop("watch", str(folder), "1.1")]
    return Child(command, environment=startup.environment(paths.ROOT))


def forked(processes):
    """Return the fork server and all that it has forked: processes of checks, workers and their pools."""
    return [each for each in processes if "workshop.runtime.fork_server" in command_line(each)]


def family(started):
    """Return the children of a check once its brokers, pytest processes and a worker with its pool run."""
    children = descendants(started.pid)
    brokers = [each for each in children if "valkey-server" in command_line(each)]
    complete = len(brokers) == runner.PROCESSES and len(forked(children)) >= 4 + runner.PROCESSES
    return children if complete else []


def assert_gone(children, folder):
    """Assert that none of them runs, and that the checks have left nothing in `folder`."""
    until(lambda: not alive(children), 60)
    assert not kill(children)
    assert not list(folder.glob("workshop-*"))


def checking(folder):
    """The environment of a check that creates its temporary files in `folder`."""
    return startup.environment(paths.ROOT) | {"TMPDIR": str(folder)}


@pytest.mark.parametrize(
    ("command", "number", "code"),
    [
        ("check", signal.SIGINT, 130),
        ("check", signal.SIGTERM, 143),
        ("check", signal.SIGHUP, 129),
        ("watch", signal.SIGHUP, 0),
    ],
)
def test_ctrl_c_leaves_nothing_behind(tmp_path, command, number, code):
    """Neither do SIGTERM and a terminal that is closed."""
    arguments = startup.workshop(command, "solutions/03-images")
    with Child(arguments, folder=paths.ROOT, environment=checking(tmp_path)) as started:
        children = eventually(lambda: family(started))
        started.signal(number)
        assert started.wait(60) == code, started.output
        assert_gone(children, tmp_path)
        assert "Traceback" not in started.output


def test_a_terminal_that_is_closed_leaves_nothing(tmp_path):
    """The real thing: the command can't print any more, so each attempt fails."""
    terminal, end = pty.openpty()
    started = subprocess.Popen(
        startup.workshop("check", "solutions/02-celery-basics"),
        cwd=paths.ROOT,
        env=checking(tmp_path),
        stdin=end,
        stdout=end,
        stderr=end,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # as a terminal's program has it
    )
    os.close(end)
    children = eventually(lambda: family(started))
    os.close(terminal)
    started.wait(60)
    assert_gone(children, tmp_path)


def test_watch_checks_again_after_a_save(mine, tmp_path):
    """Also in a clone below a folder called "data", a name that the watch ignores inside the project."""
    folder = tmp_path / "data/01-sync"
    shutil.copytree(mine.folder, folder)
    with watching(folder) as watch:
        eventually(lambda: watch.output.count("step 1.1 ·") == 1)
        file = folder / "images/resizing.py"
        file.write_text(file.read_text().replace("picture.thumbnail(", "picture.resize("))
        eventually(lambda: watch.output.count("step 1.1 ·") == 2)
        assert "✓ 1.1" in watch.output
        assert "✗ 1.1" in watch.output
        assert "images/resizing.py" in watch.output
        watch.signal(signal.SIGINT)
        assert watch.wait(60) == 0
        assert "Stopped watching." in Printed(watch.output)


@pytest.mark.parametrize(
    ("name", "is_code"),
    [
        ("images/tasks.py", True),
        ("images/templates/images/photo.html", True),
        ("Procfile", True),
        ("database.py", True),
        ("data/media/photo.py", False),
        ("images/.#tasks.py", False),
        ("images/._tasks.py", False),
        ("images/tasks.py~", False),
        ("images/__pycache__/tasks.py", False),
    ],
)
def test_which_files_start_a_new_check(tmp_path, name, is_code):
    passes = CodeFilter(tmp_path, ".html")
    assert passes(watchfiles.Change.modified, str(tmp_path / name)) == is_code


@pytest.mark.parametrize("name", [".#views.py", "._views.py"])
def test_files_of_editors_and_systems_are_not_the_learners_code(tmp_path, name):
    """Emacs' lock is a link that leads nowhere. macOS writes binary files to other systems' disks."""
    (tmp_path / "views.py").write_text("x = 1\n")
    if name == ".#views.py":
        (tmp_path / name).symlink_to("me@host.42:1")
    else:
        (tmp_path / name).write_bytes(b"\0\5Mac OS X")
    assert diagnosis.unreadable(tmp_path) == []
    assert [file.name for file in diagnosis.python_files(tmp_path)] == ["views.py"]


def test_watch_looks_at_the_files_where_the_system_watches_none(tmp_path):
    copy = copy_of(paths.SOLUTIONS / "01-sync", tmp_path / "01-sync")
    with watching(copy, before=limited("instances")) as watch:
        eventually(lambda: watch.output.count("step 1.1 ·") == 1)
        (copy / "images/resizing.py").touch()
        eventually(lambda: watch.output.count("step 1.1 ·") == 2)
        assert "doesn't report saved files (Error creating recommended watcher: Too many" in Printed(
            watch.output
        )


def test_watch_begins_with_the_step_that_failed(tmp_path):
    """The earlier steps stay passed while the learner works on that step."""
    root = startup.make_root(tmp_path / "root", "01-sync", solved=True)
    views, output = root / "playground/01-sync/images/views.py", tmp_path / "watch.txt"
    solved = views.read_text()
    broken = solved.replace("except UnreadablePicture", "except MemoryError")
    assert broken != solved

    def passed():
        return json.loads((root / ".workshop/progress.json").read_text())["passed"]["01-sync"]

    def said(end):
        """Wait until the last run contains `end`, and return sign and step of each of its lines."""
        last = eventually(lambda: end in (text := output.read_text().rpartition("───")[2]) and text)
        return [line.split()[:2] for line in last.splitlines()]

    def save(text):
        runs = output.read_text().count("───")
        views.write_text(text)
        eventually(lambda: output.read_text().count("───") > runs)

    views.write_text(broken)
    started = Child(startup.workshop("watch", "01"), environment=startup.environment(root), log=output)
    try:
        assert ["✓", "1.1"] in said("1 of 2 core steps")
        save(broken + "\n")
        lines = said("step 1.4 · ")
        assert ["✗", "1.4"] in lines
        assert ["✓", "1.1"] not in lines
        assert passed() == ["1.1", "1.2", "1.3"]
        save(solved)
        lines = said("2 of 2 core steps")
        assert [step for sign, step, *_ in filter(None, lines) if sign == "✓"][:2] == ["1.4", "1.1"]
        eventually(lambda: passed() == ["1.1", "1.2", "1.3", "1.4"])
    finally:
        started.signal(signal.SIGINT)
        assert started.wait(60) == 0


def test_watch_goes_on_with_the_new_copy_after_a_reset(tmp_path):
    root, output = startup.make_root(tmp_path / "root", "01-sync", solved=True), tmp_path / "watch.txt"
    started = Child(startup.workshop("watch", "01", "1.1"), environment=startup.environment(root), log=output)
    try:
        eventually(lambda: "✓ 1.1" in output.read_text())
        reset = subprocess.run(startup.workshop("reset", "01"), env=startup.environment(root), check=False)
        assert reset.returncode == 0
        eventually(lambda: "playground/01-sync was replaced by a new copy." in output.read_text())
        eventually(lambda: "✗ 1.1" in output.read_text())
        progress_file = json.loads((root / ".workshop/progress.json").read_text())
        assert progress_file["passed"].get("01-sync", []) == []
        solution = (root / "solutions/01-sync/images/resizing.py").read_text()
        (root / "playground/01-sync/images/resizing.py").write_text(solution)
        eventually(lambda: output.read_text().count("✓ 1.1") == 2)
    finally:
        started.signal(signal.SIGINT)
        assert started.wait(60) == 0


def test_a_check_of_a_copy_that_is_reset_meanwhile_is_no_progress(mine, monkeypatch):
    events = runner.Run.events

    def reset_after(self):
        yield from events(self)
        mine.folder.rename(mine.folder.with_name("backup"))
        shutil.copytree(mine.lesson.folder, mine.folder)

    monkeypatch.setattr(runner.Run, "events", reset_after)
    assert check.main(mine, "1.4") == 0
    assert progress.passed_steps("01-sync") == []


def test_ctrl_c_while_a_run_ends_leaves_nothing(monkeypatch):
    """Ctrl-C comes just before the broker is stopped."""
    before = descendants()
    ready = runner.Run(project.at(paths.SOLUTIONS / "02-celery-basics"))
    stop = Broker.stop
    monkeypatch.setattr(Broker, "stop", lambda self: (signal.raise_signal(signal.SIGINT), stop(self)))
    names = [process.name() for process in set(descendants()) - set(before)]
    assert any("valkey" in name for name in names), "or there is nothing to end"
    with pytest.raises(KeyboardInterrupt):
        ready.close()
    assert descendants() == before


def test_a_group_that_has_ended_is_no_error_on_macos(tmp_path, monkeypatch):
    def killpg(pid, number):
        """Do as macOS does for a group without living processes."""
        assert psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        raise PermissionError(1, "Operation not permitted")

    child = Child(["true"], log=tmp_path / "log")
    eventually(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
    monkeypatch.setattr(os, "killpg", killpg)
    signals.to_group(child.pid)
    assert child.wait(60) == 0


def test_a_run_that_was_made_ready_checks_what_is_saved_later(mine):
    before = descendants()
    with runner.Run(mine, "1.2") as ready:
        edit(mine.folder / "images/resizing.py", NOT_UPRIGHT)
        events = list(ready.events())
    assert [event.passed for event in events if isinstance(event, Checked)][-1] is False
    assert events[-1] == Finished()
    assert descendants() == before


def test_a_run_that_is_not_used_leaves_nothing_behind(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = descendants()
    with runner.Run(project.at(paths.SOLUTIONS / "03-images")):
        eventually(lambda: len(forked(descendants())) > 1)
    assert descendants() == before
    assert not list(tmp_path.iterdir())


def test_an_unknown_place_is_left_out():
    complaint = Complaint("the view raised an exception.", raised_at=UNKNOWN, file="images/views.py")
    assert complaint.facts == {"file": "images/views.py"}
