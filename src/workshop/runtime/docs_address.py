"""Where the docs site is served on this machine: each server notes its port in `.workshop/docs-PORT.json`."""

import contextlib
import os
from pathlib import Path

from workshop import paths
from workshop.course.lessons import Lesson, Step
from workshop.runtime import up_state
from workshop.system import atomic_file, ports

COMMAND = "./workshop docs"


def note(port: int) -> Path:
    """Note that this process serves the docs site on `port`. Returns the file, to be removed at its end."""
    file = paths.STATE / f"docs-{port}.json"
    atomic_file.write_json(file, {"port": port} | (up_state.identify(os.getpid()) or {}))
    return file


def address() -> str | None:
    """The address of a docs site of this clone that answers now; None when there is none.

    A server of another program or clone is never meant, even on the usual port.
    """
    for file in sorted(paths.STATE.glob("docs-*.json")):
        state = atomic_file.read_json(file)
        process, port = up_state.process(state), state.get("port")
        if process is None:
            with contextlib.suppress(OSError):  # its server was killed
                file.unlink()
        elif isinstance(port, int) and ports.listener(process.pid, port):
            return f"http://localhost:{port}"
    return None


def place_of(lesson: Lesson, step: Step) -> str:
    """Where to read the text of `step`: its address, or the command that serves it."""
    if found := address():
        return f"{found}/lessons/{lesson.name}/#{step.anchor}"
    return f"{COMMAND}, step {step.id}"
