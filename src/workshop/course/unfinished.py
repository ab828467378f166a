"""What a command is doing to a learner's copy, in `.workshop/unfinished.json`.

`reset` and `solve` write it down before they touch the copy, and remove it when they are done. After a kill
or a power cut the file is still there, and the next command puts the copy right (`recovery`).
"""

from contextlib import AbstractContextManager
from pathlib import Path

from workshop import paths
from workshop.system import atomic_file


def file() -> Path:
    return paths.STATE / "unfinished.json"


def read() -> dict:
    """What a command wrote down and did not finish; empty when there is nothing."""
    return atomic_file.read_json(file())


def begin(command: str, **details: object) -> None:
    """Write down what `command` is about to do. details: what `recovery` needs, as JSON has it."""
    atomic_file.write_json(file(), {"command": command} | details)


def end() -> None:
    """The copy is whole again."""
    file().unlink(missing_ok=True)


def alone() -> AbstractContextManager[None]:
    """One command at a time changes a learner's copy: another one waits here."""
    return atomic_file.locked(paths.STATE / "playground.lock")
