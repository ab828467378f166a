"""The journal, in `.workshop/unfinished.json`, of a command that changes a learner's copy.

`reset` and `solve` write the file before they change the copy, and delete it when they are done. If the
command is killed or the power fails, the file remains, and the next command repairs the copy (see
`crash_recovery`).
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from workshop import paths
from workshop.system import atomic_file


def exists() -> bool:
    """Return True if a command is changing the learner's copy, or was killed before it finished."""
    return _file().exists()


def read() -> dict:
    """Return the record of the unfinished command, or an empty dictionary."""
    return atomic_file.read_json(_file())


def write(command: str, **details: object) -> None:
    """Record what `command` is about to do.

    Args:
        command: "reset" or "solve".
        details: JSON values that `crash_recovery` needs.
    """
    atomic_file.write_json(_file(), {"command": command} | details)


def clear() -> None:
    """Delete the record once the copy is complete again."""
    _file().unlink(missing_ok=True)


@contextlib.contextmanager
def recorded(command: str, undo: Callable[[], object], **details: object) -> Iterator[None]:
    """Keep a record of `command` while the `with` block changes the copy.

    Args:
        command: "reset" or "solve".
        undo: A function that is called if the block raises an exception. If `undo` fails too, the record is
            kept for `crash_recovery`.
        details: JSON values that `crash_recovery` needs.
    """
    try:
        write(command, **details)
        yield
    except BaseException:
        undo()
        clear()
        raise
    clear()


def lock() -> contextlib.AbstractContextManager[None]:
    """Let only one command at a time change a learner's copy. Other commands wait."""
    return atomic_file.locked(paths.STATE / "playground.lock")


def _file() -> Path:
    return paths.STATE / "unfinished.json"
