"""Write files atomically: at every moment, a file has either the old or the new content."""

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
    """Write `content` to a temporary file, then rename it to `file`.

    mode: the file's permissions; None keeps those of an existing file.
    temporary_folder: where the temporary file is created, on the same file system (default: the folder of
    `file`). Use another folder if a program watches that one for new files.
    A symbolic link is kept: the file that it points to is replaced.
    Raises OSError, which names `file`. The old content is then unchanged.
    """
    file = Path(os.path.realpath(file))
    # A name like an editor's backup file, so that commands ignore a file that a killed process leaves behind.
    temporary = (temporary_folder or file.parent) / f".{file.name}.{secrets.token_hex(4)}~"
    try:
        temporary.parent.mkdir(parents=True, exist_ok=True)
        if mode is None and file.exists():
            mode = file.stat().st_mode & 0o7777
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with open(os.open(temporary, flags, 0o666 if mode is None else mode), "wb") as output:
            if mode is not None:
                os.fchmod(output.fileno(), mode)  # regardless of the umask
            output.write(content)
        os.replace(temporary, file)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename, error.filename2 = str(file), None
        raise


def write_text(file: Path, text: str, mode: int | None = None, temporary_folder: Path | None = None) -> None:
    """Write `text` as UTF-8. Arguments and exceptions are those of `write_bytes`."""
    write_bytes(file, text.encode(), mode, temporary_folder)


def write_json(file: Path, content: object) -> None:
    """Write `content` as JSON, indented. Raises OSError as `write_bytes` does."""
    write_text(file, json.dumps(content, indent=2) + "\n")


def copy(source: Path, target: Path) -> None:
    """Make `target` a copy of `source`, with its permissions. Raises OSError as `write_bytes` does."""
    write_bytes(target, source.read_bytes(), source.stat().st_mode & 0o7777)


def read_json(file: Path) -> dict:
    """Return the JSON object in `file`, or an empty one if the file is missing or invalid."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the lock `file` during the block. Other processes wait for the lock.

    The operating system releases the lock when its holder exits, even if it was killed.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
