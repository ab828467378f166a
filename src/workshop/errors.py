"""The errors that are written for the person at the terminal."""


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
