"""Child processes: their output, their end, and the end of what they started."""

import os
import signal
import subprocess
import sys

import psutil
import pytest
from processes import alive

from workshop import paths
from workshop.system.child import Child
from workshop.system.waiting import until


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-uc", code, *arguments]


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or not alive([psutil.Process(pid)])


def test_both_streams_are_in_the_output():
    with Child(python("import sys; print('out'); print('err', file=sys.stderr)")) as child:
        assert child.wait(60) == 0
        assert sorted(child.output.split()) == ["err", "out"]


def test_the_default_environment_has_no_settings_of_another_project(monkeypatch):
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://elsewhere")
    with Child(python("import os; print('CELERY_BROKER_URL' in os.environ)")) as child:
        child.wait(60)
        assert child.output == "False\n"


def test_wait_for_returns_the_whole_line():
    code = "import sys, time; sys.stdout.write('it is '); time.sleep(0.2); print('ready now'); input()"
    with Child(python(code), leash=True) as child:
        assert child.wait_for("ready", 60) == "it is ready now"
        assert child.running


def test_wait_for_ends_with_the_process():
    with Child(python("print('never')")) as child:
        assert child.wait_for("ready", 600) == ""


def test_lines_arrive_while_the_process_runs_and_the_last_one_needs_no_end():
    with Child(python("print('one'); input(); print('two', end='')"), leash=True) as child:
        lines = child.lines()
        assert next(lines) == "one"
        assert child.running
        child.terminate()  # input() raises EOFError, so Python exits with a traceback
        assert "EOFError" in "".join(lines)
    with Child(python("print('one'); print('two', end='')")) as child:
        assert list(child.lines()) == ["one", "two"]


def test_much_output_never_blocks_the_process():
    with Child(python("print('x' * 10_000_000)")) as child:
        assert child.wait(60) == 0


STUBBORN = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
grandchild = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
print(grandchild.pid)
signal.pause()
"""


def test_stop_kills_a_process_that_ignores_sigterm_and_what_it_started():
    child = Child(python(STUBBORN))
    grandchild = int(next(child.lines()))
    child.stop(0.1)
    assert child.exit_code == -signal.SIGKILL
    assert until(lambda: gone(grandchild), 60)
    assert not child.log.exists()
    child.stop()  # again


def test_stop_ends_what_a_process_left_behind_when_it_exited():
    code = (
        "import subprocess, sys\n"
        "print(subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']).pid)"
    )
    child = Child(python(code))
    grandchild = int(next(child.lines()))
    assert child.wait(60) == 0
    assert not gone(grandchild)
    child.stop()
    assert until(lambda: gone(grandchild), 60)


def test_a_process_on_a_leash_exits_when_its_owner_is_killed(tmp_path):
    owner = (
        "import signal, sys\n"
        "from workshop.system.child import Child\n"
        "child = Child([sys.executable, '-c', 'input()'], leash=True)\n"
        "print(child.pid, flush=True)\n"
        "signal.pause()"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with Child(python(owner), environment=environment) as child:
        pid = int(next(child.lines()))
        os.kill(child.pid, signal.SIGKILL)
        assert until(lambda: gone(pid), 60)


def test_a_log_of_its_owner_stays(tmp_path):
    log = tmp_path / "out.log"
    for _ in range(2):
        with Child(python("print('once')"), log=log, append=True) as child:
            child.wait(60)
    assert log.read_text() == "once\nonce\n"


def test_a_command_that_does_not_exist_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(FileNotFoundError):
        Child(["no-such-program"])
    assert list(tmp_path.iterdir()) == []


STARTS_PROCESSES = {
    "src/workshop/system/child.py": "the one module that starts processes which keep running",
    "tests/test_bootstrap.py": "reads the two output streams of a script separately",
    "tests/test_check.py": "gives a command a controlling terminal, and closes it",
    "tests/test_child.py": "a Child starts these processes",
}
"""Where Popen is called, and why. All other modules use Child."""


def test_only_one_module_starts_processes():
    command = ["git", "grep", "-lF", "Popen(", "--", "src", "benchmarks", "tests"]
    found = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=True).stdout
    assert set(found.split()) == set(STARTS_PROCESSES)
