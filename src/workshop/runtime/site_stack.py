"""Start several sites, and stop all of them when the program ends or is interrupted."""

import contextlib
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from workshop.runtime.solution_site import Site
from workshop.system import signals

_Value = TypeVar("_Value")


class SiteStack:
    """Starts sites and enters context managers. Ctrl-C, SIGTERM and SIGHUP never leave a site half started.

    The first of these signals raises KeyboardInterrupt once, but never in the middle of a start. Before you
    close the stack, call `hold_signals()`, which prevents signals from interrupting the cleanup.

    Args:
        stack: The exit stack that stops every site and exits every context manager.
    """

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._interrupted = self._held = False
        self._sites: list[Site] = []
        self._stack = stack
        stack.enter_context(signals.handled(self._signalled))

    def enter(self, context: AbstractContextManager[_Value]) -> _Value:
        """Enter a context manager, and return its value. `stack` exits the context manager later."""
        with signals.held():
            return self._stack.enter_context(context)

    def folder(self) -> Path:
        """Create a temporary folder for the sites' data."""
        folder = tempfile.TemporaryDirectory(prefix="workshop-demo-", ignore_cleanup_errors=True)
        return Path(self.enter(folder))

    def start(self, site: Site) -> Site:
        """Start `site` and return it. This method raises the same exceptions as `Site.start`."""
        with signals.held():
            self._sites.append(site)
            self._stack.callback(site.stop)
            site.start()
        return site

    def hold_signals(self) -> None:
        """From now on, don't let signals interrupt anything.

        However, a second signal still stops the running tasks immediately.
        """
        self._held = True

    def _signalled(self, *_: object) -> None:
        if self._interrupted:
            for site in self._sites:
                site.hurry()
            return
        self._interrupted = True
        if not self._held:
            raise KeyboardInterrupt
