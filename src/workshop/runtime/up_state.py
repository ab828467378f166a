"""One `up` at a time, and what a killed one left behind: `.workshop/up.lock` and `.workshop/up.json`."""

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
"""How long `stop` waits. A worker has ten seconds to finish its tasks before `up` kills it."""


def state_file() -> Path:
    return paths.STATE / "up.json"


def read() -> dict:
    """What the running `up` wrote down; empty when none did."""
    return atomic_file.read_json(state_file())


def write(state: dict) -> None:
    """Write the state down, for the other commands and for the next `up`."""
    atomic_file.write_json(state_file(), state)


def identify(pid: int) -> dict | None:
    """A process as it is written down. A number alone would fit a later process as well."""
    with contextlib.suppress(psutil.Error):
        return {"pid": pid, "create_time": psutil.Process(pid).create_time()}
    return None


def process(identity: dict) -> psutil.Process | None:
    """The process that `identify` wrote down as `identity`; None when it has ended."""
    with contextlib.suppress(psutil.Error, TypeError, KeyError):
        found = psutil.Process(identity["pid"])
        if abs(found.create_time() - identity["create_time"]) < 1 and found.status() != psutil.STATUS_ZOMBIE:
            return found
    return None


def stop(folder: Path) -> bool:
    """Stop the `up` that runs the project in `folder`, and what a killed one has left running there.

    Returns True when an `up` was running. Raises WorkshopError when it has not ended after STOP_SECONDS.
    """
    deadline, stopped = time.monotonic() + STOP_SECONDS, False
    while True:
        state = read()  # empty for a moment while an `up` starts
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
    """The processes of the running `up`, with all their children."""
    found = set()
    for each in _recorded(read()):
        with contextlib.suppress(psutil.Error):
            found |= {each.pid, *(child.pid for child in each.children(recursive=True))}
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
