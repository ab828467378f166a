"""Send signals, and handle the signals that stop a command (SIGINT from Ctrl-C, SIGTERM and SIGHUP)."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Collection, Iterator

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 128 + signal.SIGINT
"""The exit code after Ctrl-C, as in a shell."""


@contextlib.contextmanager
def handled(handler: Callable, numbers: Collection[signal.Signals] = ENDING) -> Iterator[None]:
    """Pass the signals in `numbers` to `handler` while the `with` block runs.

    SIGHUP is passed on only if it is the first signal. Closing a terminal sends several SIGHUPs, which must
    not count as a second Ctrl-C. If SIGHUP is ignored, it stays ignored, because nohup depends on this.
    """
    before, received = {}, []

    def handle(number: int, frame: object) -> None:
        received.append(number)
        if number != signal.SIGHUP or len(received) == 1:
            handler(number, frame)

    try:
        for number in numbers:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, handle)
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, was)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Delay signals until the end of the `with` block. Do nothing outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received = []
    with handled(lambda number, _: received.append(number)):
        yield
    if received:
        signal.raise_signal(received[0])


def to_group(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to the process group that `pid` leads. Do nothing if the group no longer exists."""
    # On macOS, sending a signal to a group of zombies raises PermissionError.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


@contextlib.contextmanager
def as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the `with` block as Ctrl-C does, but with a different exit code.

    Raises:
        SystemExit: After SIGTERM or SIGHUP, the block exited with the exit code for Ctrl-C. The new exit code
            is 128 plus the signal number.
    """
    received = []

    def interrupt(number: int, _frame: object) -> None:
        received.append(number)
        raise KeyboardInterrupt

    with handled(interrupt, (signal.SIGTERM, signal.SIGHUP)):
        try:
            yield
        except SystemExit as end:
            if received and end.code == INTERRUPTED:
                raise SystemExit(128 + received[0]) from None
            raise
