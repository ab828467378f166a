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
    second Ctrl-C. An ignored signal stays ignored, because nohup needs that.
    """
    before, came = {}, []

    def handle(number: int, frame: object) -> None:
        came.append(number)
        if number != signal.SIGHUP or len(came) == 1:
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
    """Delay signals until the end of the block. Does nothing outside of the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came = []
    with handled(lambda number, _: came.append(number)):
        yield
    if came:
        signal.raise_signal(came[0])


def to_group(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send the signal to the process group of `pid`. Ignores a group that no longer exists.

    On macOS, a group of zombies raises PermissionError, which is ignored as well.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


@contextlib.contextmanager
def as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block like Ctrl-C, but with exit code 128 + the signal's number."""
    came = []

    def interrupt(number: int, _frame: object) -> None:
        came.append(number)
        raise KeyboardInterrupt

    with handled(interrupt, (signal.SIGTERM, signal.SIGHUP)):
        try:
            yield
        except SystemExit as end:
            if came and end.code == INTERRUPTED:
                raise SystemExit(128 + came[0]) from None
            raise
