"""`./workshop test`: run the workshop's own tests."""

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
from workshop.dev import test_programs
from workshop.docsite import browser
from workshop.errors import WorkshopError
from workshop.system import apt

WORKERS = 4
"""The number of test processes.

This number may exceed the number of cores, because many tests spend most of their time waiting.
"""


def main(arguments: Sequence[str] = ()) -> int:
    """Run the format check, the linter, and pytest.

    If all tests or the browser tests are going to run, missing programs are installed first. If the
    installation fails, the tests that need these programs are skipped, except on a hosted runner.

    Args:
        arguments: The arguments for pytest.

    Returns:
        The first nonzero exit code, or 0 if everything passed.

    Raises:
        WorkshopError: A program could not be installed on a hosted runner.
    """
    named = [argument for argument in arguments if names_tests(argument)]
    if not named or any("browser" in argument for argument in named):
        prepare()
    started = time.monotonic()
    compile_packages()
    parallel = [] if _chooses_workers(arguments) else ["-n", str(WORKERS)]
    results = [
        _run("ruff", "format", "--check", "."),
        _run("ruff", "check", "."),
        _run("pytest", *parallel, *arguments),
    ]
    failed = next((code for code in results if code), 0)
    seconds = time.monotonic() - started
    verdict = "Something failed (see above)." if failed else "Everything passed."
    say(f"{verdict}  {int(seconds // 60)} min {seconds % 60:.0f} s", style="red" if failed else "green")
    return failed


def hosted() -> bool:
    """Return True on a hosted runner, which sets the environment variable CI.

    On a hosted runner, a missing program is an error.
    """
    return os.environ.get("CI", "").lower() in ("1", "true", "yes", "on")


def prepare() -> None:
    """Install the browser and, on a hosted runner with apt-get, the servers that some tests need."""
    if not hosted():
        with contextlib.suppress(WorkshopError):  # the skipped tests say how to install the browser
            browser.ensure()
        return
    browser.main()
    if apt.available():
        test_programs.main()


def compile_packages() -> bool:
    """Compile the installed packages and the workshop once for each version of requirements.txt.

    A test run starts thousands of processes, and most of them don't write bytecode. In a new environment,
    each process would compile pytest and other packages again, which takes nearly half of the run's time.

    Returns:
        True if this call has compiled the packages, False if they were already compiled.
    """
    digest = hashlib.sha256((paths.ROOT / "requirements.txt").read_bytes()).hexdigest()
    stamp = Path(sys.prefix, "bytecode-stamp")
    if stamp.is_file() and stamp.read_text() == digest:
        return False
    folders = [sysconfig.get_path("purelib"), str(paths.SOURCES)]
    # Ignore the exit code, because packages contain files for other Python versions.
    subprocess.run([sys.executable, "-m", "compileall", "-qq", "-j", "0", *folders], check=False)
    stamp.write_text(digest)
    return True


def faults() -> int:
    """Run the fault-injection tests one after another, and write the table of their results.

    Returns:
        Pytest's exit code.
    """
    return _run("pytest", "tests/faults", "--faults-table", "-p", "no:xdist")


def names_tests(argument: str) -> bool:
    """Return True if `argument` is a file, a folder or a test such as tests/test_x.py::test_y."""
    try:
        return not argument.startswith("-") and (paths.ROOT / argument.partition("::")[0]).exists()
    except OSError:  # a long -k expression is not a file name
        return False


def _chooses_workers(arguments: Sequence[str]) -> bool:
    return any(argument.startswith(("-n", "--numprocesses", "--pdb")) for argument in arguments) or (
        "no:xdist" in arguments
    )


def _run(module: str, *arguments: str) -> int:
    verbatim(f"{module} {' '.join(arguments)}", "bold")
    return subprocess.run([sys.executable, "-m", module, *arguments], cwd=paths.ROOT, check=False).returncode
