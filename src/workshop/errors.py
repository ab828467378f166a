"""Errors whose messages are shown to the user in the terminal."""

import errno

from workshop import paths

REMEDIES = {
    errno.ENOSPC: "Free some space on the disk",
    errno.EDQUOT: "Free some space: your quota on this disk is used up",
    errno.EACCES: "Change the owner or the permissions of this file or folder",
    errno.EPERM: "Change the owner or the permissions of this file or folder",
    errno.EROFS: "Make the disk writable",
    errno.EBUSY: "Unmount this folder",
    errno.EEXIST: "Move the existing file or folder out of the way",
    errno.ENOTDIR: "There is a file where the folder should be: move it out of the way",
    errno.EISDIR: "There is a folder where the file should be: move it out of the way",
    errno.EADDRINUSE: "Stop the program that uses this port, or choose another one with --port",
    errno.ENOTEMPTY: "Move the existing folder out of the way",
}
"""What the learner can do about each operating system error, by error number."""


class WorkshopError(Exception):
    """A problem that a learner can fix.

    The message is one or more sentences that say what is wrong and what to do next. The CLI prints the
    message without a traceback and exits with code 1.
    """


class NotStarted(WorkshopError):
    """Raised if the playground has no copy of the lesson.

    Attributes:
        lesson: The name of the lesson, or None if no lesson has been started yet.
    """

    def __init__(self, message: str, lesson: str | None = None):
        super().__init__(message)
        self.lesson = lesson


def describe(error: OSError) -> str:
    """Return an error message with a remedy, such as "No space left on device: … Free some space …"."""
    file = f": {paths.shown(error.filename)}" if isinstance(error.filename, str) else ""
    remedy = REMEDIES.get(error.errno, "Fix this problem")
    return f"{error.strerror or error}{file}. {remedy}, then run the same command again."
