"""The lock and the state of the running `up`, in `.workshop/up.lock` and `.workshop/up.json`."""

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from workshop import paths
from workshop.errors import WorkshopError
from workshop.system import atomic_file

STOP_SECONDS = 30
"""The maximum time that `stop()` waits. `up` gives a worker ten seconds to finish its tasks."""


def state_file() -> Path:
    return paths.STATE / "up.json"


def read() -> dict:
    """Return the state that the running `up` recorded, or an empty dictionary."""
    return atomic_file.read_json(state_file())


def write(state: dict) -> None:
    """Record the state for other commands and for the next `up`."""
    atomic_file.write_json(state_file(), state)


def identify(pid: int) -> dict | None:
    """Return a record that identifies a process.

    A later process could have the same pid, but not the same start.
    """
    with contextlib.suppress(psutil.Error):
        return {"pid": pid, "create_time": psutil.Process(pid).create_time()}
    return None


def process(identity: dict) -> psutil.Process | None:
    """Return the process that `identify()` recorded, or None if it has exited."""
    with contextlib.suppress(psutil.Error, TypeError, KeyError):
        found = psutil.Process(identity["pid"])
        if abs(found.create_time() - identity["create_time"]) < 1 and found.status() != psutil.STATUS_ZOMBIE:
            return found
    return None


def stop(folder: Path) -> bool:
    """Stop the `up` that runs the project in `folder`, and processes that a killed `up` left running there.

    Returns True if an `up` was running. Raises WorkshopError if it has not stopped after STOP_SECONDS.
    """
    deadline, stopped = time.monotonic() + STOP_SECONDS, False
    while True:
        state = read()  # empty for a moment while an `up` is starting
        if state and os.path.realpath(state.get("folder") or "/nowhere") != os.path.realpath(folder):
            return stopped
        if not stopped and (running := process(state)):
            with contextlib.suppress(psutil.Error):
                running.terminate()
            stopped = True
        with contextlib.suppress(WorkshopError), only_one():
            return stopped
        if time.monotonic() > deadline:
            raise WorkshopError(
                f"./workshop up runs {paths.shown(folder)} and did not stop within {STOP_SECONDS} s. Nothing "
                "was changed. Press Ctrl-C twice in its terminal, then run the same command again."
            )
        time.sleep(0.1)


def pids() -> set[int]:
    """Return the pids of the running `up`'s processes and all their children."""
    found = set()
    for each in _recorded(read()):
        with contextlib.suppress(psutil.Error):
            found |= {each.pid, *(child.pid for child in each.children(recursive=True))}
    return found


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Hold the lock during the block, after killing what a previous run left behind.

    Finally, remove both files.

    Raises WorkshopError, with the addresses, if another `up` is running.
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
            # The previous run may have removed the file after this process opened it and before it locked it.
            if file.exists() and file.stat().st_ino == os.fstat(lock.fileno()).st_ino:
                yield
                return


def _already_up(state: dict) -> str:
    pid = state.get("pid")
    lines = [
        f"The workshop is already up (pid {pid}): {state.get('project')}"
        if pid
        else "./workshop up is already starting."
    ]
    lines += [f"  {name:<10}{address}" for name, address in state.get("addresses", {}).items()]
    lines.append("Stop it with Ctrl-C in its terminal" + (f", or type: kill {pid}" if pid else "."))
    return "\n".join(lines)


def end_leftovers() -> int:
    """Kill the processes that a killed run left behind. Returns their number."""
    state = read()
    processes = [each for each in _recorded(state) if each.pid != os.getpid()]
    family = [member for each in processes for member in [*_children(each), each]]
    for member in family:
        with contextlib.suppress(psutil.Error):
            member.send_signal(signal.SIGKILL)
    psutil.wait_procs(family, timeout=5)
    folder = Path(state.get("broker_folder") or "/nowhere")
    if folder.name.startswith("workshop-broker-") and folder.parent == Path(tempfile.gettempdir()):
        shutil.rmtree(folder, ignore_errors=True)
    state_file().unlink(missing_ok=True)
    return len(processes)


def _children(parent: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return parent.children(recursive=True)
    return []


def _recorded(state: dict) -> list[psutil.Process]:
    return [found for entry in state.get("processes", {}).values() if (found := process(entry))]
