"""The address of the docs site on this machine.

Each docs server records its port in `.workshop/docs-PORT.json`.
"""

import contextlib
import os
from pathlib import Path

from workshop import paths
from workshop.course.lessons import Lesson, Step
from workshop.runtime import up_state
from workshop.system import atomic_file, ports

COMMAND = "./workshop docs"


def record(port: int) -> Path:
    """Record that this process serves the docs site on `port`.

    Returns:
        The file that contains the record. The caller must delete this file.
    """
    file = paths.STATE / f"docs-{port}.json"
    atomic_file.write_json(file, {"port": port} | (up_state.identify(os.getpid()) or {}))
    return file


def address() -> str | None:
    """Return the address of this clone's docs site, or None if the docs site isn't running.

    Only recorded ports are checked, because another program or another clone may use the default port.
    """
    for file in sorted(paths.STATE.glob("docs-*.json")):
        state = atomic_file.read_json(file)
        process, port = up_state.process(state), state.get("port")
        if process is None:
            with contextlib.suppress(OSError):  # the server was killed
                file.unlink()
        elif isinstance(port, int) and ports.listener(process.pid, port):
            return f"http://localhost:{port}"
    return None


def place_of(lesson: Lesson, step: Step) -> str:
    """Return the address of a step on the docs site.

    If the docs site isn't running, return the command that starts it.
    """
    if docs_site := address():
        return f"{docs_site}/lessons/{lesson.name}/#{step.anchor}"
    return f"{COMMAND}, step {step.id}"
