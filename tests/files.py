"""Files that a test writes: text, edits of a copy, programs for the PATH, and a limit on their size."""

import contextlib
import resource
from collections.abc import Iterator, Mapping
from pathlib import Path


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write each text to its path below `folder`."""
    for name, text in files.items():
        write_text(folder / name, text)


def write_text(file: Path, text: str) -> None:
    """Write a file, and create the folders that are missing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def edit(file: Path, *replacements: tuple[str, str]) -> None:
    """Replace texts in a file. Each (old, new) fails the test unless `old` is in the file exactly once."""
    text = file.read_text(encoding="utf-8")
    for old, new in replacements:
        assert text.count(old) == 1, f"{file} contains {text.count(old)} times: {old}"
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def program(file: Path, code: str = "#!/bin/sh\nexit 0\n") -> Path:
    """Write an executable script, and return its path."""
    write_text(file, code)
    file.chmod(0o755)
    return file


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Limit the files that this process and its new children write. A larger file fails, as on a full disk.

    size: the limit in bytes.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
