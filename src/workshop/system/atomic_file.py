"""Files that are whole at every moment: they have the old content or the new one, never a part of it."""

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


def write_bytes(
    file: Path, content: bytes, mode: int | None = None, temporary_folder: Path | None = None
) -> None:
    """Write `content` to a temporary file, then put it in the place of `file` with one rename.

    mode: permissions of the file; None keeps those of a file that exists.
    temporary_folder: must be on the same file system as `file`; None means the folder of `file`. Name another
    one where a program watches that folder for new files.
    A symbolic link stays one: the file that it points to is replaced.
    Raises OSError, which names `file`. Then the old content is still there.
    """
    file = Path(os.path.realpath(file))
    # The name ends as an editor's backup does, so no command counts what a killed one leaves behind.
    temporary = (temporary_folder or file.parent) / f".{file.name}.{secrets.token_hex(4)}~"
    try:
        temporary.parent.mkdir(parents=True, exist_ok=True)
        if mode is None and file.exists():
            mode = file.stat().st_mode & 0o7777
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with open(os.open(temporary, flags, 0o666 if mode is None else mode), "wb") as output:
            if mode is not None:
                os.fchmod(output.fileno(), mode)  # whatever the umask says
            output.write(content)
        os.replace(temporary, file)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename, error.filename2 = str(file), None
        raise


def write_text(file: Path, text: str, mode: int | None = None, temporary_folder: Path | None = None) -> None:
    """Write `text` as UTF-8. Arguments and errors are those of `write_bytes`."""
    write_bytes(file, text.encode(), mode, temporary_folder)


def write_json(file: Path, content: object) -> None:
    """Write `content` as JSON, indented. Raises OSError as `write_bytes` does."""
    write_text(file, json.dumps(content, indent=2) + "\n")


def copy(source: Path, target: Path) -> None:
    """Make `target` a copy of `source`, with its permissions. Raises OSError as `write_bytes` does."""
    write_bytes(target, source.read_bytes(), source.stat().st_mode & 0o7777)


def read_json(file: Path) -> dict:
    """The JSON object in `file`; an empty one when there is no such file or it cannot be understood."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the lock `file` while the block runs; another process that asks for it waits.

    The system opens the lock when its holder ends, also when it is killed.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
