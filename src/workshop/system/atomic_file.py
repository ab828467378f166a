"""Write files atomically: at any moment, a file has either its old or its new content."""

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

    Args:
        file: The file to write. If `file` is a symbolic link, the link's target is replaced.
        content: The new content.
        mode: The file's permissions, or None to keep the permissions of an existing file.
        temporary_folder: The folder for the temporary file, or None for the folder of `file`. The
            folder must be on the same file system as `file`. Choose another folder if a program watches the
            folder of `file` for new files.

    Raises:
        OSError: The file can't be written. The error names `file`, and the old content is unchanged.
    """
    file = Path(os.path.realpath(file))
    # The name looks like that of an editor's backup file, so commands ignore the file if a killed process
    # leaves it behind.
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
    """Write `text` as UTF-8. The other arguments and the exceptions are the same as in `write_bytes`."""
    write_bytes(file, text.encode(), mode, temporary_folder)


def write_json(file: Path, content: object) -> None:
    """Write `content` as indented JSON. This function raises the same exceptions as `write_bytes`."""
    write_text(file, json.dumps(content, indent=2) + "\n")


def copy(source: Path, target: Path) -> None:
    """Copy `source` and its permissions to `target`. Raises the same exceptions as `write_bytes`."""
    write_bytes(target, source.read_bytes(), source.stat().st_mode & 0o7777)


def read_json(file: Path) -> dict:
    """Return the JSON object in `file`, or an empty dictionary if the file is missing or invalid."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


@contextlib.contextmanager
def locked(file: Path, wait: bool = True) -> Iterator[None]:
    """Hold a lock while the `with` block runs. If this process is killed, the system releases the lock.

    Args:
        file: The lock file, which is created if necessary and never deleted.
        wait: Whether to wait while another process holds the lock.

    Raises:
        BlockingIOError: Another process holds the lock, and `wait` is False.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
