"""Watch a folder for saved files."""

from collections.abc import Callable, Iterator
from pathlib import Path

import watchfiles

FIX = "sudo sysctl fs.inotify.max_user_watches=1048576 fs.inotify.max_user_instances=1024"


class CodeFilter(watchfiles.PythonFilter):
    """Passes on changes to a project's code and its Procfile.

    Changes to the data and to hidden or temporary files, such as those of an editor, are ignored.

    Args:
        folder: The project's folder.
        extensions: The extensions of other files to watch, such as ".html".
    """

    ignore_entity_patterns = (*watchfiles.PythonFilter.ignore_entity_patterns, r"^\.")

    def __init__(self, folder: Path, *extensions: str):
        # The separator is needed because watchfiles only compares the beginnings of paths.
        super().__init__(ignore_paths=[f"{folder / 'data'}/"], extra_extensions=("Procfile", *extensions))


def identity(folder: Path) -> int | None:
    """Return a number that changes when another folder replaces `folder`, or None if `folder` is missing."""
    try:
        return folder.stat().st_ino
    except OSError:
        return None


def changes(folder: Path, say: Callable[[str], object], **options) -> Iterator[set]:
    """Yield the changes in `folder`. If the system can't watch more files, poll the files instead.

    Args:
        folder: The folder to watch.
        say: A function that is called if the system's limit is reached. The argument is a message that
            contains the fix.
        **options: Options for `watchfiles.watch`.
    """
    try:
        yield from watchfiles.watch(folder, **options)
    except (OSError, RuntimeError) as error:  # watchfiles' own error is a RuntimeError
        why = str(error).partition(" about [")[0].rstrip(".")
        say(
            f"The operating system doesn't report saved files ({why}), so the files are checked three "
            f"times a second. To fix this on Linux, run this command before the next start:  {FIX}"
        )
        yield from watchfiles.watch(folder, force_polling=True, **options)
