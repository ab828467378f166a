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
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Only this machine's names are resolved, so requests to other hosts fail immediately.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1",
)


def find() -> Path | None:
    """Return the path of a Chromium on this machine, or None.

    Looks at the variable WORKSHOP_CHROMIUM, at Playwright's download, and on the PATH. Raises WorkshopError
    if the variable doesn't name a program.
    """
    if named := os.environ.get(VARIABLE):
        if not os.access(named, os.X_OK) or Path(named).is_dir():
            raise WorkshopError(
                f"{VARIABLE} is {named}, but that is not a program. Correct the variable, or unset it."
            )
        return Path(named)
    found = [_playwrights_own(), *(shutil.which(name) for name in NAMES), ON_MACOS]
    return next((Path(each) for each in found if each and Path(each).is_file()), None)


class NoBrowser(WorkshopError):
    """Raised if there is no Chromium on this machine."""


def needed() -> Path:
    """Return the path of a Chromium.

    Raises NoBrowser, with the command that installs one, if there is none.
    """
    found = find()
    if found is None:
        raise NoBrowser(f"Chromium is not installed. Install it: {COMMAND}")
    return found


@contextlib.contextmanager
def opened() -> Iterator["Browser"]:
    """Run a Chromium without a window during the block. It can reach only this machine.

    Raises NoBrowser if there is none, or WorkshopError if it does not start.
    """
    program = needed()
    # Chromium's sandbox refuses to run for root.
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else list(FLAGS)
    with contextlib.ExitStack() as stack:
        chromium = stack.enter_context(_playwright()).chromium
        try:
            browser = chromium.launch(executable_path=program, args=flags)
        except Exception as error:
            raise WorkshopError(f"{program} does not start: {str(error).splitlines()[0]}") from None
        yield stack.enter_context(contextlib.closing(browser))


def main() -> int:
    """Install a Chromium if necessary, start it once, and print its version. Returns the exit code.

    Raises WorkshopError if it cannot be installed or does not start.
    """
    ensure()
    with opened() as browser:
        say(f"Chromium {browser.version} is {needed()}.")
    return 0


def ensure() -> None:
    """Install a Chromium if this machine has none. Raises WorkshopError if that fails."""
    if find() is None or not _playwright_starts():
        install()


def install() -> None:
    """Install Debian's Chromium if possible, otherwise the one that Playwright downloads.

    Raises WorkshopError if both fail.
    """
    if _installed_by_apt():
        return
    download = [sys.executable, "-m", "playwright", "install", "chromium"]
    say("There is no Chromium, so Playwright now downloads one (about 150 MB) to your cache folder.")
    if subprocess.run(download, check=False, timeout=apt.SECONDS).returncode:
        raise WorkshopError(
            "No Chromium could be installed. Install one with your package manager (Debian: apt "
            f"install chromium), or set its path: {VARIABLE}=/path/to/chromium"
        )


def _installed_by_apt() -> bool:
    """Install Debian's package if possible.

    Returns True on success. Ubuntu's is a snap, which needs systemd.
    """
    if not apt.available(["debian"]):
        return False
    say(f"Installing Debian packages: {', '.join(PACKAGES)}.")
    return apt.install(*PACKAGES)


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


def _playwright_starts() -> bool:
    try:
        with _playwright():
            return True
    except WorkshopError:
        return False


def _playwrights_own() -> str:
    try:
        with _playwright() as playwright:
            return playwright.chromium.executable_path
    except WorkshopError:
        return ""
