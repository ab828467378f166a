import os
import signal
import subprocess
import sys

import pytest
import smallchain
import workshop_process
from files import write
from printed_text import Printed

from benchmarks import startup
from workshop import cli, paths
from workshop.course import progress, project
from workshop.system.environment import inherited


@pytest.fixture
def run(root, monkeypatch, capsys):
    """Run a command line; returns the exit code, what it printed, and what it complained about."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["workshop", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        return end.value.code or 0, Printed(captured.out), Printed(captured.err)

    return run


def test_help_names_every_command_in_its_group(run):
    code, out, _ = run("--help")
    assert code == 0
    groups = [out.index(name) for name in ("The learner's loop", "Running the project", "For maintainers")]
    assert groups == sorted(groups)
    commands = "start check watch hint diff solve reset status up doctor samples demo docs test dev"
    for command in commands.split():
        assert f" {command} " in out
    assert all(name in run("dev", "--help")[1] for name in ("chain", "carry", "faults", "site", "browser"))


def test_the_learners_loop_from_start_to_reset(run, root):
    code, out, _ = run("start", "1")
    assert code == 0
    assert "playground/01-one" in out
    assert "What comes before two?" in run("hint", "1.1")[1]
    out = run("diff")[1]
    assert "steps 1.1 and 1.2" in out
    assert "-    # TODO 1.1: answer one" in out
    code, out, _ = run("solve", "1.1")
    assert (code, "images/views.py" in out, "playground/.backup/01-one-before-1.1-" in out) == (0, True, True)
    assert "Nothing was changed" in run("solve", "1.1")[1]
    assert run("solve", "1")[0] == 0
    assert "is the same as solutions/01-one" in run("diff")[1]
    code, out, _ = run("reset", "1")
    assert (code, "playground/.backup/01-one-" in out) == (0, True)
    assert (root / "playground/01-one/images/views.py").read_text() == smallchain.VIEWS_START


def test_hints_come_one_by_one_and_stay_at_the_last(run):
    run("start", "1")
    first, second, third = (run("hint")[1] for _ in range(3))
    assert "hint 1 of 2" in first
    assert "Next hint:" in first
    assert "hint 2 of 2" in second
    assert "already seen it" not in second
    assert "hint 2 of 2" in third
    assert "already seen it" in third
    everything = run("hint", "1.2", "--all")[1]
    assert "What comes after one?" in everything
    assert "return two()" in everything


def test_without_a_step_the_first_that_is_not_passed_is_meant(run):
    run("start", "1")
    progress.set_passed_steps("01-one", ["1.1"])
    assert "Step 1.2" in run("hint")[1]
    assert "Step 1.2 is solved" in run("solve")[1]
    progress.set_passed_steps("01-one", ["1.1", "1.2"])
    for command, words in {"hint": "see the hints for", "solve": "apply the solution to"}.items():
        code, _, err = run(command)
        assert (code, "./workshop start 02" in err) == (1, True)
        assert err.endswith(f"To {words} a step: ./workshop {command} 1.1\n")


def test_diff_of_one_file_of_one_step_and_of_a_missing_file(run, root):
    run("start", "1")
    (root / "playground/01-one/images/views.py").unlink()
    (root / "playground/01-one/images/mine.py").write_text("x = 1\n")
    out = run("diff", "1.2")[1]
    assert "missing from your copy" in out
    assert "only in your copy" not in out
    assert "+def two():" in run("diff", "images/numbers.py")[1]
    assert "-x = 1" in run("diff", "1", "images/mine.py")[1]
    code, _, err = run("diff", "1", "nothing.py")
    assert (code, "There is no file nothing.py" in err) == (1, True)


def test_diff_ignores_line_endings_and_hidden_files(run, root):
    run("start", "1")
    folder = root / "playground/01-one"
    run("solve", "1")
    for file in (folder / "images/views.py", folder / "Procfile"):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    write(folder, {".history/images/views.py": "x = 1\n", "images/._views.py": "\0"})
    assert "playground/01-one is the same as solutions/01-one." in run("diff")[1]


@pytest.mark.parametrize("file", ["images/numbers.py", "images/__init__.py", "playground/01-one/manage.py"])
def test_diff_of_a_step_knows_its_own_files_alone(run, root, file):
    """Another step's solution is not shown under this one's name, nor is a file that no step changes."""
    run("start", "1")
    code, out, err = run("diff", "1.1", file)
    assert (code, out) == (1, "")
    name = file.removeprefix("playground/01-one/")
    assert err.startswith(f"Step 1.1 changes images/views.py, but not {name}.\n")
    assert f"./workshop diff 01 {name}" in err


@pytest.mark.parametrize(
    "variables", [{"COLUMNS": "0"}, {"PYTHONIOENCODING": "latin-1"}, {"PYTHONIOENCODING": "ascii"}]
)
def test_every_terminal_gets_the_text(root, variables):
    environment = startup.environment(root) | variables
    process = subprocess.run(startup.workshop("status"), env=environment, capture_output=True, check=False)
    assert (process.returncode, process.stderr) == (0, b"")
    assert b"01-one" in process.stdout
    assert b"Next: ./workshop start 01" in process.stdout


@pytest.mark.parametrize("already", [False, True])
def test_solve_names_a_file_that_still_cannot_be_read(root, run, already):
    run("start", "1")
    if already:
        run("solve", "1.1")
    (root / "playground/01-one/images/broken.py").write_text("f(\n")
    code, out, _ = run("solve", "1.1")
    assert code == 0
    assert ("Nothing was changed." if already else "Step 1.1 is solved in playground/01-one.") in out
    assert "But images/broken.py:1 cannot be read: '(' was never closed. Fix this error before" in out


def test_status_lists_the_lessons_and_the_next_command(run):
    out = run("status")[1]
    assert out.count("not started") == 2
    assert "Next: ./workshop start 01" in out
    run("start", "1")
    progress.set_passed_steps("01-one", ["1.1"])
    out = run("status")[1]
    assert "1 of 2 steps" in out
    assert "Next: step 1.2 · Two · ./workshop check" in out
    progress.set_passed_steps("01-one", ["1.1", "1.2"])
    assert "Next: ./workshop start 02" in run("status")[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["start", "9"], "There is no lesson"),
        (["hint", "1.9"], "has no step 1.9"),
        (["hint", "9.1"], "There is no lesson"),
        (["hint"], "You have not started a lesson yet"),
        (["diff"], "./workshop start 01"),
        (["solve", "2.1"], "Lesson 02-two has not been started"),
        (["reset", "2"], "has not been started"),
        (["reset", "1.2"], "1.2 is a step, but this command takes a whole lesson, such as 01."),
        (["start", "1.2"], "./workshop solve 1.2"),
        (["notebooks", "1.9"], "has no step 1.9"),
        (["diff", "lessons"], "is not a Django project"),
        (["up", "7"], "There is no lesson"),
        (["up", "2"], "./workshop start 02"),
        (["docs"], "mkdocs.yml is missing"),
        (["dev", "carry", "nothing.py"], "No lesson or solution contains"),
        (["dev", "carry", "lessons/01-one/checks/test_one.py"], "Checks exist only in their lesson"),
    ],
)
def test_bad_input_is_a_sentence(run, arguments, words):
    code, out, err = run(*arguments)
    assert code == 1
    assert words in err
    assert "Traceback" not in out + err


@pytest.mark.parametrize("command", ["up", "docs", "notebooks", "samples"])
@pytest.mark.parametrize("port", ["-1", "70000"])
def test_a_port_that_cannot_be_is_refused(run, command, port):
    code, _, err = run(command, "--port", port)
    assert code == 2
    assert "Invalid value for '--port'" in err


def test_two_arguments_in_every_order(root, run):
    run("start", "1")
    resolve = cli._resolve
    copy = root / "playground/01-one"
    for arguments in [("1.1", None), ("1", "1.1"), (None, "1.1"), ("one", "1.1"), ("1.1", "1")]:
        found, step = resolve(*arguments)
        assert (found.folder, step.id) == (copy, "1.1")
    found, step = resolve("solutions/01-one", "1.2")
    assert (found.folder, step.id) == (root / "solutions/01-one", "1.2")
    with pytest.raises(cli.WorkshopError, match="one step at a time"):
        resolve("1.1", "1.2")
    with pytest.raises(cli.WorkshopError, match=r"no step 2\.1"):
        resolve("1", "2.1")


def test_a_step_means_the_project_one_stands_in(root, run, monkeypatch):
    run("start", "1")
    monkeypatch.chdir(root / "solutions/01-one/images")
    assert cli._resolve("1.1", None)[0].folder == root / "solutions/01-one"
    assert cli._resolve("1", None)[0].folder == root / "playground/01-one"


@pytest.mark.parametrize("error", [ZeroDivisionError("oh"), ImportError("oh", name="workshop.typo")])
def test_a_bug_is_one_sentence_and_a_traceback_with_debug(run, monkeypatch, error):
    def broken(*arguments):
        raise error

    monkeypatch.setattr(project, "resolve", broken)
    code, out, err = run("diff")
    assert (code, out) == (1, "")
    assert err.startswith(f"This is a bug in the workshop ({type(error).__name__}: oh).")
    assert "--debug" in err
    monkeypatch.setattr(sys, "argv", ["workshop", "diff", "--debug"])
    with pytest.raises(type(error)):
        cli.main()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_is_quiet(run, monkeypatch, number):
    """An end from outside is, too. The exit code says which it was."""
    monkeypatch.setattr(project, "resolve", lambda *_: signal.raise_signal(number))
    before = signal.getsignal(number)
    assert run("diff") == (128 + number, "", "")
    assert signal.getsignal(number) == before


def test_a_closed_terminal_interrupts_once(run, monkeypatch):
    """It sends several signals, and what the first one ends has to tidy up."""
    tidied = []

    def interrupted(*arguments):
        try:
            signal.raise_signal(signal.SIGHUP)
        finally:
            signal.raise_signal(signal.SIGHUP)
            tidied.append(True)

    monkeypatch.setattr(project, "resolve", interrupted)
    assert run("diff") == (129, "", "")
    assert tidied


def test_under_nohup_a_closed_terminal_ends_nothing(run, monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        resolve = project.resolve
        monkeypatch.setattr(
            project, "resolve", lambda *each: signal.raise_signal(signal.SIGHUP) or resolve(*each)
        )
        run("start", "1")
        assert "answer one" in run("diff")[1]
    finally:
        signal.signal(signal.SIGHUP, before)


def test_as_a_process_in_another_root(tmp_path):
    smallchain.build(tmp_path)
    first, second = (workshop_process.run(tmp_path, "start", "two") for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0)
    assert (tmp_path / "playground/02-two/manage.py").is_file()


def test_test_passes_its_arguments_and_exit_code_on(run, monkeypatch):
    from workshop.dev import test_suite

    ran = []
    monkeypatch.setattr(test_suite, "prepare", lambda: None)
    monkeypatch.setattr(test_suite, "compile_packages", lambda: ran.append("compiled"))
    monkeypatch.setattr(
        test_suite, "_run", lambda *words: ran.append(words) or (5 if words[0] == "pytest" else 0)
    )
    assert run("test", "-x", "tests/test_cli.py", "-k", "a or b")[0] == 5
    assert ran[0] == "compiled"
    assert ran[-1] == ("pytest", "-n", "4", "-x", "tests/test_cli.py", "-k", "a or b")
    run("test", "-n0")
    assert ran[-1] == ("pytest", "-n0")


def test_packages_are_compiled_once_for_each_requirements(tmp_path, monkeypatch):
    """Also where the environment says PYTHONDONTWRITEBYTECODE, as images of Python do."""
    from workshop.dev import test_suite

    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(test_suite.sysconfig, "get_path", lambda _: str(tmp_path / "packages"))
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages/one.py").write_text("ONE = 1\n")
    (tmp_path / "packages/for_another_python.py").write_text("print 1\n")
    (tmp_path / "requirements.txt").write_text("one==1\n")
    assert test_suite.compile_packages()
    compiled = tmp_path / "packages/__pycache__" / f"one.{sys.implementation.cache_tag}.pyc"
    assert compiled.is_file()
    assert not test_suite.compile_packages()
    (tmp_path / "requirements.txt").write_text("one==2\n")
    assert test_suite.compile_packages()


def test_ctrl_c_during_the_import_is_silent(tmp_path):
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt")
    environment = inherited() | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(paths.SOURCES)])}
    command = [sys.executable, "-P", "-m", "workshop", "status"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
