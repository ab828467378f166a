"""Finish or undo a `reset` or `solve` that was killed."""

from pathlib import Path

from workshop import paths
from workshop.course import journal, lessons, playground, solve
from workshop.errors import WorkshopError, describe


def recover() -> str:
    """Finish an interrupted `reset`, or undo an interrupted `solve`.

    Returns:
        A message for the learner, or "" if there was nothing to do.

    Raises:
        WorkshopError: The operating system reported an error. The next command retries the repair.
    """
    with journal.lock():
        record = journal.read()  # empty if another command has already done the repair
        backup = Path(record["backup"]) if record.get("backup") else None
        where = f" Backup of your files: {paths.shown(backup)}" if backup and backup.exists() else ""
        message = ""
        try:
            if record.get("command") == "reset":
                message = playground.finish_reset(lessons.find(record["lesson"]), backup)
            elif record.get("command") == "solve":
                message = solve.undo(Path(record["folder"]), backup, record["digests"])
            journal.clear()
        except OSError as error:
            raise WorkshopError(
                f"./workshop {record['command']} was interrupted, and its changes could not be completed or "
                f"undone yet. {describe(error)}{where}"
            ) from error
    return message and message + where
