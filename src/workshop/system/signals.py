"""Handle the signals that stop a command (Ctrl-C, SIGTERM, SIGHUP of a closed terminal), and send signals."""

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
    """Pass the signals in `numbers` to `handler` during the block.

    A SIGHUP counts only if it is the first signal: closing a terminal sends several, which don't mean a
    second Ctrl-C. If SIGHUP is ignored, it stays ignored, because nohup needs that.
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
    """Delay signals until the end of the block. Do nothing outside of the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received = []
    with handled(lambda number, _: received.append(number)):
        yield
    if received:
        signal.raise_signal(received[0])


def to_group(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to the process group of `pid`. Do nothing if the group no longer exists."""
    # On macOS, the signal to a group of zombies raises PermissionError.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


@contextlib.contextmanager
def as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block like Ctrl-C, but with another exit code.

    Raises:
        SystemExit: The block exited with the code of Ctrl-C after one of these signals. The new code is 128
            plus the signal's number.
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
