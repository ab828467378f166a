"""A folder's files as they are saved."""

from collections.abc import Callable, Iterator
from pathlib import Path

import watchfiles

CURE = "sudo sysctl fs.inotify.max_user_watches=1048576 fs.inotify.max_user_instances=1024"


def identity(folder: Path) -> int | None:
    """A number that changes when another folder takes the place of `folder`; None while there is none."""
    try:
        return folder.stat().st_ino
    except OSError:
        return None


def changes(folder: Path, say: Callable[[str], object], **options) -> Iterator[set]:
    """What `watchfiles.watch` yields for `folder`, whose `options` they are.

    Where the system does not report changes, its limit being reached, `say` gets a sentence with the cure,
    and the files are looked at again and again.
    """
    try:
        yield from watchfiles.watch(folder, **options)
    except (OSError, RuntimeError) as error:  # a RuntimeError is what watchfiles' own error is
        why = str(error).partition(" about [")[0].rstrip(".")
        say(
            f"The system does not report saved files here ({why}). They are looked at three times a second "
            f"instead. The cure on Linux, for the next start:  {CURE}"
        )
        yield from watchfiles.watch(folder, force_polling=True, **options)
