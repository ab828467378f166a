"""One `up` at a time, and what a killed one left behind: `.workshop/up.lock` and `.workshop/up.json`."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from . import paths
from .errors import WorkshopError


def state_file() -> Path:
    return paths.STATE / "up.json"


def read() -> dict:
    """What the running `up` wrote down; empty when none did."""
    try:
        content = json.loads(state_file().read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else {}
    except (OSError, ValueError):
        return {}


def write(state: dict) -> None:
    """Write the state down; the file is whole at every moment."""
    fresh = state_file().with_suffix(".json.new")
    fresh.write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
    fresh.replace(state_file())


def identify(pid: int) -> dict | None:
    """A process as it is written down. A number alone would fit a later process as well."""
    with contextlib.suppress(psutil.Error):
        return {"pid": pid, "create_time": psutil.Process(pid).create_time()}
    return None


def pids() -> set[int]:
    """The processes of the running `up`, with all their children."""
    found = set()
    for process in _recorded(read()):
        with contextlib.suppress(psutil.Error):
            found |= {process.pid, *(child.pid for child in process.children(recursive=True))}
    return found


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Hold the lock, end what a killed run left behind, and remove both files at the end.

    Errors: WorkshopError when another `up` runs, with its addresses.
    """
    paths.STATE.mkdir(parents=True, exist_ok=True)
    file = paths.STATE / "up.lock"
    with _locked(file):
        try:
            end_leftovers()
            yield
        finally:
            state_file().unlink(missing_ok=True)
            file.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    while True:
        with file.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise WorkshopError(_already_up(read())) from None
            # The run before may have removed the file between our opening and locking it.
            if file.exists() and file.stat().st_ino == os.fstat(lock.fileno()).st_ino:
                yield
                return


def _already_up(state: dict) -> str:
    pid = state.get("pid")
    lines = [
        f"The workshop is already up (pid {pid}): {state.get('project')}"
        if pid
        else "It is starting already."
    ]
    lines += [f"  {name:<10}{address}" for name, address in state.get("addresses", {}).items()]
    lines.append("Stop it with Ctrl-C in its terminal" + (f", or type: kill {pid}" if pid else "."))
    return "\n".join(lines)


def end_leftovers() -> int:
    """End the processes of a run that was killed, and say how many there were."""
    state = read()
    processes = [process for process in _recorded(state) if process.pid != os.getpid()]
    family = [member for process in processes for member in [*_children(process), process]]
    for member in family:
        with contextlib.suppress(psutil.Error):
            member.send_signal(signal.SIGKILL)
    psutil.wait_procs(family, timeout=5)
    folder = Path(state.get("broker_folder") or "/nowhere")
    if folder.name.startswith("workshop-broker-") and folder.parent == Path(tempfile.gettempdir()):
        shutil.rmtree(folder, ignore_errors=True)
    state_file().unlink(missing_ok=True)
    return len(processes)


def _children(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return process.children(recursive=True)
    return []


def _recorded(state: dict) -> list[psutil.Process]:
    found = []
    for entry in state.get("processes", {}).values():
        with contextlib.suppress(psutil.Error, TypeError, KeyError):
            process = psutil.Process(entry["pid"])
            if abs(process.create_time() - entry["create_time"]) < 1:
                found.append(process)
    return found
