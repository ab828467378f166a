"""Finish or undo a `reset` or `solve` that was killed."""

from pathlib import Path

from workshop import paths
from workshop.course import lessons, playground, solve, unfinished
from workshop.errors import WorkshopError, reason


def recover() -> str:
    """Finish an interrupted reset, or undo an interrupted solve.

    Returns a message; "" if there was nothing to do.

    Raises WorkshopError if the operating system refuses a step. Then the next command retries.
    """
    with unfinished.alone():
        state = unfinished.read()  # empty if another command was faster
        backup = Path(state["backup"]) if state.get("backup") else None
        kept = f" Backup of your files: {paths.shown(backup)}" if backup and backup.exists() else ""
        try:
            match state.get("command"):
                case "reset":
                    said = playground.finish_reset(lessons.find(state["lesson"]), backup)
                case "solve":
                    said = solve.take_back(Path(state["folder"]), backup, state["digests"])
                case _:
                    said = ""
            unfinished.end()
        except OSError as error:
            raise WorkshopError(
                f"./workshop {state['command']} was interrupted, and its changes could not be completed or "
                f"undone yet. {reason(error)}{kept}"
            ) from error
    return f"{said}{kept}" if said else ""
