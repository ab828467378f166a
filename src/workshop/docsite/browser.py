"""Find or install Chromium for the browser tests and the screenshots."""

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
"""The Debian packages to install. Playwright's own Chromium needs libatomic1, which minimal systems lack."""
FLAGS = (
    "--disable-gpu",
    # Chromium resolves only localhost and 127.0.0.1, so requests to other hosts fail immediately.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1",
)


class NoBrowser(WorkshopError):
    """Chromium is not installed on this machine."""


def main() -> int:
    """Install Chromium if necessary, start it once, and print its version.

    Returns:
        The exit code.

    Raises:
        WorkshopError: Chromium cannot be installed or does not start.
    """
    ensure()
    with opened() as browser:
        say(f"Chromium {browser.version} is installed at {needed()}.")
    return 0


def find() -> Path | None:
    """Return the path of Chromium or Chrome on this machine, or None if neither is installed.

    This function tries the environment variable WORKSHOP_CHROMIUM, the Chromium that Playwright downloads,
    the folders in PATH, and Chrome's usual folder on macOS, in that order.

    Raises:
        WorkshopError: WORKSHOP_CHROMIUM is not the path of a program.
    """
    if named := os.environ.get(VARIABLE):
        if not os.access(named, os.X_OK) or Path(named).is_dir():
            raise WorkshopError(
                f"{VARIABLE} is set to {named}, which is not a program. Correct or unset the variable."
            )
        return Path(named)
    candidates = [_playwrights_own(), *map(shutil.which, NAMES), ON_MACOS]
    return next((Path(path) for path in candidates if path and Path(path).is_file()), None)


def needed() -> Path:
    """Return the path of Chromium.

    Raises:
        NoBrowser: Chromium is not installed. The error message contains the command that installs Chromium.
    """
    program = find()
    if program is None:
        raise NoBrowser(f"Chromium is not installed. Install it: {COMMAND}")
    return program


@contextlib.contextmanager
def opened() -> Iterator["Browser"]:
    """While the `with` block runs, run a headless Chromium that can connect only to this machine.

    Raises:
        NoBrowser: Chromium is not installed.
        WorkshopError: Chromium does not start.
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
    """Install Chromium and Playwright's dependencies unless both are already installed.

    Raises:
        WorkshopError: The installation fails.
    """
    if find() is None or not _playwrights_own():
        install()


def install() -> None:
    """Install Debian's Chromium if possible, otherwise the Chromium that Playwright downloads.

    Raises:
        WorkshopError: Neither Debian's Chromium nor Playwright's can be installed.
    """
    if apt.available(["debian"]):  # Ubuntu's package is a snap, which needs systemd
        say(f"Installing Debian packages: {', '.join(PACKAGES)}.")
        if apt.install(*PACKAGES):
            return
    download = [sys.executable, "-m", "playwright", "install", "chromium"]
    say("Chromium is not installed. Playwright will download it (about 150 MB) to your cache folder.")
    if subprocess.run(download, check=False, timeout=apt.SECONDS).returncode:
        raise WorkshopError(
            "Chromium could not be installed. Install it with your package manager (Debian: apt "
            f"install chromium), or set the path of an existing Chromium: {VARIABLE}=/path/to/chromium"
        )


@contextlib.contextmanager
def _playwright() -> Iterator["Playwright"]:
    from playwright.sync_api import sync_playwright

    with contextlib.ExitStack() as stack:
        try:
            playwright = stack.enter_context(sync_playwright())
        except Exception as error:  # Playwright raises a plain Exception if its driver exits immediately
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
