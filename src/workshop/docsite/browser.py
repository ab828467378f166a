"""Find or install a Chromium for the browser tests and the screenshots."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from workshop.console import say
from workshop.errors import WorkshopError
from workshop.system import apt

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

COMMAND = "./workshop dev browser"
VARIABLE = "WORKSHOP_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ON_MACOS = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
PACKAGES = ("chromium", "libatomic1")
"""Debian packages. Playwright's own Chromium needs the second one, which small systems lack."""
FLAGS = (
    "--disable-gpu",
    # Only this machine's names are resolved, so requests to other hosts fail immediately.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1",
)


class NoBrowser(WorkshopError):
    """Raised if there is no Chromium on this machine."""


def main() -> int:
    """Install a Chromium if necessary, start it once, and print its version.

    Returns:
        The exit code.

    Raises:
        WorkshopError: It cannot be installed or does not start.
    """
    ensure()
    with opened() as browser:
        say(f"Chromium {browser.version} is {needed()}.")
    return 0


def find() -> Path | None:
    """Return the path of a Chromium on this machine, or None.

    Looks at the variable WORKSHOP_CHROMIUM, at Playwright's download, and on the PATH.

    Raises:
        WorkshopError: The variable doesn't name a program.
    """
    if named := os.environ.get(VARIABLE):
        if not os.access(named, os.X_OK) or Path(named).is_dir():
            raise WorkshopError(
                f"{VARIABLE} is {named}, but that is not a program. Correct the variable, or unset it."
            )
        return Path(named)
    candidates = [_playwrights_own(), *map(shutil.which, NAMES), ON_MACOS]
    return next((Path(path) for path in candidates if path and Path(path).is_file()), None)


def needed() -> Path:
    """Return the path of a Chromium.

    Raises:
        NoBrowser: There is none. The message contains the command that installs one.
    """
    program = find()
    if program is None:
        raise NoBrowser(f"Chromium is not installed. Install it: {COMMAND}")
    return program


@contextlib.contextmanager
def opened() -> Iterator["Browser"]:
    """Run a Chromium without a window during the block. It can reach only this machine.

    Raises:
        NoBrowser: There is none.
        WorkshopError: It does not start.
    """
    program = needed()
    with _playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        except Exception as error:
            raise WorkshopError(f"{program} does not start: {str(error).splitlines()[0]}") from None
        with contextlib.closing(browser):
            yield browser


def ensure() -> None:
    """Install a Chromium and Playwright's dependencies if this machine lacks one of them.

    Raises:
        WorkshopError: The installation fails.
    """
    if find() is None or not _playwrights_own():
        install()


def install() -> None:
    """Install Debian's Chromium if possible, otherwise the one that Playwright downloads.

    Raises:
        WorkshopError: Both fail.
    """
    if apt.available(["debian"]):  # Ubuntu's package is a snap, which needs systemd
        say(f"Installing Debian packages: {', '.join(PACKAGES)}.")
        if apt.install(*PACKAGES):
            return
    download = [sys.executable, "-m", "playwright", "install", "chromium"]
    say("There is no Chromium, so Playwright now downloads one (about 150 MB) to your cache folder.")
    if subprocess.run(download, check=False, timeout=apt.SECONDS).returncode:
        raise WorkshopError(
            "No Chromium could be installed. Install one with your package manager (Debian: apt "
            f"install chromium), or set its path: {VARIABLE}=/path/to/chromium"
        )


@contextlib.contextmanager
def _playwright() -> Iterator["Playwright"]:
    from playwright.sync_api import sync_playwright

    with contextlib.ExitStack() as stack:
        try:
            playwright = stack.enter_context(sync_playwright())
        except Exception as error:  # Playwright raises only this exception if its program exits immediately
            raise WorkshopError(
                f"Playwright does not start ({error}). Install its dependencies: {COMMAND}"
            ) from None
        yield playwright


def _playwrights_own() -> str:
    """Return the path of the Chromium that Playwright downloads, or "" if Playwright does not start."""
    try:
        with _playwright() as playwright:
            return playwright.chromium.executable_path
    except WorkshopError:
        return ""
