"""Every test of the workshop itself: what `./workshop test` runs."""

import contextlib
import hashlib
import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path

from workshop import paths
from workshop.console import say, verbatim
from workshop.dev import tools
from workshop.docsite import browser
from workshop.errors import WorkshopError
from workshop.system import apt

WORKERS = 4
"""Test processes at a time: many tests wait for a worker or a server, so more than two cores."""


def main(arguments: Sequence[str] = ()) -> int:
    """Run the format check, the lint and pytest with `arguments`; returns the first bad exit code, else 0.

    Before all tests, or those of the browser, it installs what they need and this machine does not have.
    Raises WorkshopError when that fails on a hosted runner; elsewhere those tests are skipped.
    """
    named = [argument for argument in arguments if names_tests(argument)]
    if not named or any("browser" in argument for argument in named):
        prepare()
    began = time.monotonic()
    compile_packages()
    parallel = [] if _chooses_workers(arguments) else ["-n", str(WORKERS)]
    results = [
        _run("ruff", "format", "--check", "."),
        _run("ruff", "check", "."),
        _run("pytest", *parallel, *arguments),
    ]
    failed = next((code for code in results if code), 0)
    seconds = time.monotonic() - began
    verdict = "Something failed: see above." if failed else "Everything passed."
    say(f"{verdict}  {int(seconds // 60)} min {seconds % 60:.0f} s", style="red" if failed else "green")
    return failed


def hosted() -> bool:
    """True on a hosted runner, which sets CI: a missing program is an error there."""
    return os.environ.get("CI", "").lower() in ("1", "true", "yes", "on")


def prepare() -> None:
    """Install the browser and, on a hosted runner with apt-get, the servers that some tests need."""
    if not hosted():
        with contextlib.suppress(WorkshopError):  # the skipped tests name the command, after all others
            browser.ensure()
        return
    browser.main()
    if apt.available():
        tools.main()


def compile_packages() -> bool:
    """Compile what is installed, and the workshop, once for each requirements.txt; True when it was done now.

    A run starts thousands of processes, and most of them write no bytecode: in a fresh environment each would
    compile pytest and its like anew, which takes nearly half of the whole run.
    """
    wanted = hashlib.sha256((paths.ROOT / "requirements.txt").read_bytes()).hexdigest()
    stamp = Path(sys.prefix, "bytecode-stamp")
    if stamp.is_file() and stamp.read_text() == wanted:
        return False
    folders = [sysconfig.get_path("purelib"), str(paths.SOURCES)]
    # The exit code tells of files that a package ships for another Python: they are of no interest.
    subprocess.run([sys.executable, "-m", "compileall", "-qq", "-j", "0", *folders], check=False)
    stamp.write_text(wanted)
    return True


def faults() -> int:
    """Run the tests of faults one after the other and write their table; the exit code of pytest."""
    return _run("pytest", "tests/faults", "--faults-table", "-p", "no:xdist")


def names_tests(argument: str) -> bool:
    """True for a file or folder, or a test in one, such as tests/test_x.py::test_y."""
    try:
        return not argument.startswith("-") and (paths.ROOT / argument.partition("::")[0]).exists()
    except OSError:  # a long expression for -k is not a file name
        return False


def _chooses_workers(arguments: Sequence[str]) -> bool:
    return any(argument.startswith(("-n", "--numprocesses", "--pdb")) for argument in arguments) or (
        "no:xdist" in arguments
    )


def _run(module: str, *arguments: str) -> int:
    verbatim(f"{module} {' '.join(arguments)}", "bold")
    return subprocess.run([sys.executable, "-m", module, *arguments], cwd=paths.ROOT, check=False).returncode
