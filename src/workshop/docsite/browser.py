"""The browser of the tests and of the pictures: a Chromium that is there, or one that is installed."""

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
"""Debian's. The second is what Playwright's own program needs, and a small system does not have."""
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Nothing but this machine has a name: what a page fetches from elsewhere fails at once.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1",
)


def find() -> Path | None:
    """A Chromium on this machine; None if there is none.

    Looks at the variable WORKSHOP_CHROMIUM, for the one that Playwright has downloaded, and on the PATH.
    Raises WorkshopError when the variable names no program.
    """
    if named := os.environ.get(VARIABLE):
        if not os.access(named, os.X_OK) or Path(named).is_dir():
            raise WorkshopError(f"{VARIABLE} is {named}, and that is no program. Correct it, or unset it.")
        return Path(named)
    found = [_playwrights_own(), *(shutil.which(name) for name in NAMES), ON_MACOS]
    return next((Path(each) for each in found if each and Path(each).is_file()), None)


class NoBrowser(WorkshopError):
    """There is no Chromium on this machine."""


def needed() -> Path:
    """The Chromium of this machine. Raises NoBrowser, with the command that installs one, if it has none."""
    found = find()
    if found is None:
        raise NoBrowser(f"Chromium is not installed. Install it: {COMMAND}")
    return found


@contextlib.contextmanager
def opened() -> Iterator["Browser"]:
    """A running Chromium without a window, that reaches this machine and nothing else.

    Raises NoBrowser when there is none, and WorkshopError when it does not start.
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
    """Say where the browser is, after it has started once; install what is missing. The exit code.

    Raises WorkshopError when it cannot be installed, or does not start.
    """
    ensure()
    with opened() as browser:
        say(f"Chromium {browser.version} is {needed()}.")
    return 0


def ensure() -> None:
    """Install a Chromium if this machine has none. Raises WorkshopError when that does not work."""
    if find() is None or not _playwright_starts():
        install()


def install() -> None:
    """Install a Chromium: Debian's package where that is possible, else the one that Playwright downloads.

    Raises WorkshopError when neither can be had.
    """
    if _installed_by_apt():
        return
    download = [sys.executable, "-m", "playwright", "install", "chromium"]
    say("There is no Chromium. Playwright downloads its own now, some 150 MB, into your cache folder.")
    if subprocess.run(download, check=False, timeout=apt.SECONDS).returncode:
        raise WorkshopError(
            "No Chromium could be installed. Install one with the means of your system (Debian: apt install "
            f"chromium), or name one: {VARIABLE}=/path/to/chromium"
        )


def _installed_by_apt() -> bool:
    """True when Debian's package is installed now. Ubuntu's is a snap, which needs systemd to start."""
    if not apt.available(["debian"]):
        return False
    say(f"Installing from Debian: {', '.join(PACKAGES)}.")
    return apt.install(*PACKAGES)


@contextlib.contextmanager
def _playwright() -> Iterator["Playwright"]:
    from playwright.sync_api import sync_playwright

    with contextlib.ExitStack() as stack:
        try:
            playwright = stack.enter_context(sync_playwright())
        except Exception as error:  # Playwright raises no narrower one when its program ends at once
            raise WorkshopError(
                f"Playwright does not start here ({error}). Install what it needs: {COMMAND}"
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
