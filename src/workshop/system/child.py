"""Start child processes, read their output, wait for them to exit, and stop them with all their children."""

import contextlib
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from workshop.system import signals
from workshop.system.environment import inherited
from workshop.system.waiting import until

STOP_SECONDS = 10.0
"""How many seconds `stop` waits for a process to exit before killing it."""


class Child:
    """A child process, which starts when the object is created.

    Use the object as a context manager, or call `stop`.

    The process leads its own session, so Ctrl-C in the terminal doesn't reach it, and stopping it also stops
    the processes that it started. Standard output and standard error both go to one file, so a full pipe
    never blocks the process.

    Args:
        command: A list of arguments, or a string for the shell.
        folder: The folder where the process runs, or None for the current folder.
        environment: All environment variables of the process, or None for the variables that every process
            of the workshop inherits.
        log: The file for the process's output, or None for a temporary file, which `stop` deletes.
        append: Whether to keep the previous content of `log`.
        terminal: The file descriptor of a terminal that receives the output instead of `log`.
        leash: Whether the process's standard input is a pipe that closes when the parent process exits, even
            if the parent is killed.
        own_session: Whether the process leads its own session instead of staying in the parent's session.
        pass_fds: The file descriptors that the process inherits.

    Raises:
        OSError: The command can't be run.
    """

    def __init__(
        self,
        command: Sequence[str | Path] | str,
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
        append: bool = False,
        terminal: int | None = None,
        leash: bool = False,
        own_session: bool = True,
        pass_fds: Sequence[int] = (),
    ):
        self.command = command if isinstance(command, str) else shlex.join(map(str, command))
        self._temporary = log is None
        if log is None:
            handle, name = tempfile.mkstemp(prefix="workshop-", suffix=".log")
            os.close(handle)
            log = Path(name)
        self.log = log
        self._own_session, self._killed = own_session, False
        try:
            with log.open("ab" if append else "wb") as output:
                self._process = subprocess.Popen(
                    command,
                    shell=isinstance(command, str),
                    cwd=folder,
                    env=inherited() if environment is None else environment,
                    stdin=subprocess.PIPE if leash else subprocess.DEVNULL,
                    stdout=output if terminal is None else terminal,
                    stderr=subprocess.STDOUT,
                    start_new_session=own_session,
                    pass_fds=pass_fds,
                )
        except BaseException:
            self._clean_up()
            raise

    @property
    def pid(self) -> int:
        """The process ID."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process has not exited yet."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The exit code, which is None while the process is running and negative if a signal ended it."""
        return self._process.poll()

    @property
    def output(self) -> str:
        """The output so far. After `stop`, the output is empty if the log was a temporary file."""
        with contextlib.suppress(FileNotFoundError):
            return self.log.read_text(encoding="utf-8", errors="replace")
        return ""

    def last_lines(self, count: int = 10) -> str:
        """Return the last `count` non-empty lines of the output."""
        return "\n".join([line for line in self.output.splitlines() if line.strip()][-count:])

    def wait_for(self, text: str, seconds: float) -> str:
        """Wait until the output contains `text`.

        Returns:
            The first complete line that contains `text`, or "" if the process exits or `seconds` elapse
            before such a line appears.
        """

        def line() -> str:
            complete = self.output.rpartition("\n")[0].splitlines()
            return next((line for line in complete if text in line), "")

        until(lambda: line() or not self.running, seconds)
        return line()

    def lines(self) -> Iterator[str]:
        """Yield each line of the output as soon as it is complete, until the process has exited."""
        with self.log.open(encoding="utf-8", errors="replace") as output:
            rest = ""
            while True:
                ended = not self.running
                for piece in iter(output.readline, ""):
                    rest += piece
                    if rest.endswith("\n"):
                        yield rest[:-1]
                        rest = ""
                if ended:
                    break
                self.wait(0.01)
        if rest:
            yield rest

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait up to `seconds` for the process to exit. Return the exit code, or None after a timeout."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, but not to its children. Do nothing if the process has exited."""
        self._process.send_signal(number)

    def terminate(self) -> None:
        """Ask the process to exit: close its standard input if it is a pipe, otherwise send SIGTERM."""
        if self._process.stdin:
            self._process.stdin.close()
        else:
            self._process.terminate()

    def kill(self) -> None:
        """Kill the process and its whole process group without warning, as a power failure would."""
        if self._killed:  # by now, another process group may have the same number
            return
        if self._own_session:
            signals.to_group(self.pid)
        self._process.kill()
        self._process.wait()
        self._killed = True

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask the process to exit, wait up to `seconds`, then kill its process group.

        You can call this method more than once.
        """
        try:
            if self.running:
                self.terminate()
                self.wait(seconds)
        finally:  # also if Ctrl-C interrupts the wait
            self.kill()
            self._clean_up()

    def _clean_up(self) -> None:
        if self._temporary:
            self.log.unlink(missing_ok=True)

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *exc_info) -> None:
        self.stop()
