"""Put right what a `reset` or a `solve` that was killed has left half done."""

from pathlib import Path

from workshop import paths
from workshop.course import lessons, playground, solve, unfinished
from workshop.errors import WorkshopError, reason


def recover() -> str:
    """Finish an interrupted reset, or take back an interrupted solve. Returns what was done; "" if nothing.

    Raises WorkshopError when the system refuses it. Then the next command tries again.
    """
    with unfinished.alone():
        state = unfinished.read()  # empty when another command was faster
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
