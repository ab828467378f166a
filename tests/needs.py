"""Programs that tests need. Without its program, a test is skipped with the command that installs it.

The end of a run prints each reason once. On a hosted runner, a missing program that could have been installed
is a failure, because a test that is always skipped doesn't test anything.
"""

import shutil
import subprocess
from typing import NoReturn

import pytest

from workshop.dev import test_programs, test_suite
from workshop.system import apt


def tool(name: str) -> None:
    """Skip the test if a program of `./workshop dev tools` is missing."""
    if name in test_programs.missing():
        missing(f"{name} is not installed. To run these tests: {test_programs.COMMAND}", apt.available())


def missing(reason: str, could_be_installed: bool) -> NoReturn:
    """Skip the test, or let it fail on a hosted runner where `could_be_installed`."""
    if test_suite.hosted() and could_be_installed:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def docker() -> NoReturn:
    """Skip a test of the image or of Compose: no command of the workshop installs Docker."""
    pytest.skip(
        "Docker is not used. To run these tests, with Docker and Compose v2: ./workshop test --docker"
    )


def docker_compose() -> None:
    """Skip the test if the command `docker compose` is missing. The test doesn't need Docker's engine."""
    version = ["docker", "compose", "version"]
    if not shutil.which("docker") or subprocess.run(version, capture_output=True, check=False).returncode:
        docker()
