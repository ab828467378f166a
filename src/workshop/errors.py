"""The errors that are written for the person at the terminal."""

import errno

from workshop import paths

REMEDIES = {
    errno.ENOSPC: "Free some space on the disk",
    errno.EDQUOT: "Free some space: your quota on this disk is used up",
    errno.EACCES: "Change its owner or its permissions",
    errno.EPERM: "Change its owner or its permissions",
    errno.EROFS: "Make the disk writable",
    errno.EBUSY: "Unmount it",
    errno.EEXIST: "Move away whatever is in its place",
    errno.ENOTDIR: "Move away the file that is in the place of a folder",
    errno.EISDIR: "Move away the folder that is in its place",
    errno.EADDRINUSE: "Stop the program that uses this port, or choose another one with --port",
    errno.ENOTEMPTY: "Move away the folder that is in its place",
}
"""What a learner can do about an error of the operating system."""


class WorkshopError(Exception):
    """Something a learner can put right.

    The message is one or more sentences: what is wrong, and what to do next. The CLI prints it
    without a traceback and ends with exit code 1.
    """


class NotStarted(WorkshopError):
    """There is no playground copy to work on: of the lesson named, or of any lesson (`lesson` is None)."""

    def __init__(self, message: str, lesson: str | None = None):
        super().__init__(message)
        self.lesson = lesson


def reason(error: OSError) -> str:
    """What the system refused and what to do: "No space left on device: images/views.py. Make room …"."""
    file = f": {paths.shown(error.filename)}" if isinstance(error.filename, str) else ""
    remedy = REMEDIES.get(error.errno, "Fix that")
    return f"{error.strerror or error}{file}. {remedy}, then run the same command again."
