"""Record in `.workshop/unfinished.json` what a command is doing to a learner's copy.

`reset` and `solve` write the file before they change the copy, and delete it when they are done. After a kill
or a power failure, the file still exists, and the next command repairs the copy (`recovery`).
"""

from contextlib import AbstractContextManager
from pathlib import Path

from workshop import paths
from workshop.system import atomic_file


def file() -> Path:
    return paths.STATE / "unfinished.json"


def read() -> dict:
    """Return the record of an unfinished command, or an empty dictionary."""
    return atomic_file.read_json(file())


def begin(command: str, **details: object) -> None:
    """Record what `command` is about to do. details: JSON values that `recovery` needs."""
    atomic_file.write_json(file(), {"command": command} | details)


def end() -> None:
    """Delete the record, because the copy is complete again."""
    file().unlink(missing_ok=True)


def alone() -> AbstractContextManager[None]:
    """Let only one command at a time change a learner's copy. Another one waits."""
    return atomic_file.locked(paths.STATE / "playground.lock")
