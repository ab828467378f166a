"""Commands of the workshop as real processes: run one to its end, or read its output while it runs."""

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psutil
from printed_text import Printed
from processes import descendants, kill

from benchmarks.startup import environment, workshop
from workshop.system.child import Child
from workshop.system.waiting import until

PATIENCE = 300
"""Seconds for a command to end or to print something. On an idle machine, none takes 30."""


def run(
    root: Path, *arguments: str, folder: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command of the workshop in `root` until it exits.

    folder: the current folder; default: `root`. variables: more environment variables.
    """
    return subprocess.run(
        workshop(*arguments),
        cwd=folder or root,
        env=environment(root) | {"COLUMNS": "200"} | variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


class Up:
    """`./workshop up` as a real process, whose output is read line by line. The context manager stops it.

    program: what runs the workshop; default: Python. variables: more environment variables.
    """

    def __init__(
        self, root: Path, lesson: str, port: int, program: Sequence[str] = (), **variables: str
    ) -> None:
        command = [*(program or workshop()), "up", lesson, "--port", str(port)]
        self.process = Child(command, folder=root, environment=environment(root) | variables)
        self.lines: list[str] = []

    def __enter__(self) -> "Up":
        return self

    def __exit__(self, *exc_info) -> None:
        """Press Ctrl-C, and kill what a failing test leaves running."""
        children = self.children()
        self.send(signal.SIGINT)
        self.process.wait(PATIENCE)
        self.process.stop()
        kill(children)

    def until(self, text: str, seconds: float = PATIENCE) -> str:
        """Wait for a line with `text` and return it, or the last three lines if `text` is wrapped.

        Fails the test if the process exits first, or prints nothing for `seconds`.
        """
        since = len(self.lines)
        while until(lambda: self._unread() or not self.process.running, seconds) and self._unread():
            line = self._unread()[0]
            self.lines.append(line)
            said = line if text in line else Printed("\n".join(self.lines[since:][-3:]))
            if text in said:
                return said
        raise AssertionError(f"{text!r} never came:\n" + self.text)

    def _unread(self) -> list[str]:
        """Return the complete lines that `until` has not read yet."""
        return self.process.output.rpartition("\n")[0].splitlines()[len(self.lines) :]

    @property
    def text(self) -> str:
        return Printed("\n".join(self.lines))

    def children(self) -> list[psutil.Process]:
        return descendants(self.process.pid)

    def send(self, number: signal.Signals) -> None:
        self.process.signal(number)

    def end(self, seconds: float = PATIENCE) -> int:
        """Wait until the process exits, and return its exit code."""
        code = self.process.wait(seconds)
        assert code is not None, f"It is still running after {seconds} s:\n" + self.process.output
        self.lines += self._unread()
        return code
