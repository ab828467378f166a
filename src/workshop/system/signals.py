"""Signals: those that end a command (Ctrl-C, SIGTERM, SIGHUP of a closed terminal), and those it sends."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Collection, Iterator

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 128 + signal.SIGINT
"""The exit code after a Ctrl-C, as a shell counts."""


@contextlib.contextmanager
def handled(handler: Callable, numbers: Collection[signal.Signals] = ENDING) -> Iterator[None]:
    """Give each signal of `numbers` to `handler` while the block lasts.

    A SIGHUP counts only as the first of them: a terminal that is closed sends several, which is nobody's
    second Ctrl-C. One that is ignored stays ignored, as nohup wants it.
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
    """What comes meanwhile counts afterwards. Other threads than the main one are not interrupted anyway."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came = []
    with handled(lambda number, _: came.append(number)):
        yield
    if came:
        signal.raise_signal(came[0])


def to_group(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send it to all processes of the group that `pid` leads. One that has ended is no error.

    macOS answers PermissionError where all of them are zombies.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


@contextlib.contextmanager
def as_ctrl_c() -> Iterator[None]:
    """SIGTERM and SIGHUP end the block as Ctrl-C does, with an exit code of their own: 128 and the number."""
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
