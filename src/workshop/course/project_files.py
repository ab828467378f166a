"""The files of a lesson's Django project: a starter, a solution or a learner's copy."""

import hashlib
from collections.abc import Iterable
from pathlib import Path, PurePath

from workshop import paths

SCRIPT_NAME = "workshop"
"""The name of the script in a learner's copy that calls the clone's `./workshop`."""

NOT_IN_PROJECT = ("data", "checks", "lesson.toml", SCRIPT_NAME)
"""Files and folders at the top level of a starter or learner's copy that are not part of the project."""

README = "README.md"
"""The name of the README file. Each starter has one, but a solution does not."""


def list_files(folder: Path) -> dict[str, Path]:
    """Return the files of the project in `folder`. The keys are relative paths such as "images/views.py".

    The result doesn't include the data, the checks, the manifest, hidden files or files that tools leave
    behind.
    """
    names = {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*"))}
    return {name: file for name, file in names.items() if is_project_file(name) and file.is_file()}


def is_project_file(name: str) -> bool:
    """Return False for data, checks, the manifest, hidden files, and files that tools leave behind.

    Args:
        name: A path relative to the project, such as "images/views.py".
    """
    path = PurePath(name)
    return (
        path.parts[0] not in NOT_IN_PROJECT
        and not any(part == "__pycache__" or part.startswith(".") for part in path.parts)
        and not path.name.endswith((".pyc", ".swp", "~"))
        and not path.name.startswith("celerybeat-schedule")
    )


def contents(folder: Path) -> dict[str, bytes]:
    """Return the content of each file of the project in `folder`. The keys are relative paths."""
    return {name: file.read_bytes() for name, file in list_files(folder).items()}


def content(file: Path) -> bytes | None:
    """Return the content of `file`, or None if it doesn't exist."""
    return file.read_bytes() if file.is_file() else None


def checksum(content: bytes) -> str:
    """Return the SHA-256 hash of `content` as a hexadecimal string."""
    return hashlib.sha256(content).hexdigest()


def checksums(folder: Path) -> dict[str, str]:
    """Return the checksum of each file of the project in `folder`. The keys are relative paths."""
    return {name: checksum(content) for name, content in contents(folder).items()}


def split_path(text: str, projects: Iterable[Path]) -> tuple[Path | None, str]:
    """Split the path of a file into its project and the path relative to that project.

    Args:
        text: A path relative to the current folder or to the clone, or an absolute path.
        projects: The folders of the projects that may contain the file.

    Returns:
        The project's folder and the file's path relative to it. If no project contains the file, the values
        are None and `text`.
    """
    for folder in (Path.cwd(), paths.ROOT):
        file = (folder / text).absolute()
        for project in projects:
            if file.is_relative_to(project):
                return project, file.relative_to(project).as_posix()
    return None, text
