"""The lock and the state of `./workshop up`, stored in `.workshop/up.lock` and `.workshop/up.json`."""

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from workshop import paths
from workshop.errors import WorkshopError
from workshop.system import atomic_file
from workshop.system.waiting import until

STOP_SECONDS = 30
"""The maximum number of seconds that `stop()` waits. A worker has ten seconds to finish its tasks."""


def read() -> dict:
    """Return the state recorded by the running `./workshop up`, or an empty dictionary."""
    return atomic_file.read_json(_state_file())


def write(state: dict) -> None:
    """Record the state for other commands and for the next `./workshop up`."""
    atomic_file.write_json(_state_file(), state)


def identify(pid: int) -> dict | None:
    """Return a record that identifies a process, or None if the process has exited.

    A later process could have the same pid, but not the same start time.
    """
    with contextlib.suppress(psutil.Error):
        return {"pid": pid, "create_time": psutil.Process(pid).create_time()}
    return None


def process(identity: dict) -> psutil.Process | None:
    """Return the process that `identify()` recorded, or None if the process has exited."""
    with contextlib.suppress(psutil.Error, TypeError, KeyError):
        candidate = psutil.Process(identity["pid"])
        is_same = abs(candidate.create_time() - identity["create_time"]) < 1
        if is_same and candidate.status() != psutil.STATUS_ZOMBIE:
            return candidate
    return None


def signal_to(up: psutil.Process, number: signal.Signals) -> None:
    """Send a signal to `./workshop up`. If the learner has suspended it with Ctrl-Z, it continues.

    Raises:
        psutil.Error: The process has exited, or it belongs to another user.
    """
    up.send_signal(number)
    up.resume()


def stop(folder: Path) -> bool:
    """Stop `./workshop up` if it runs the project in `folder`.

    If `./workshop up` was killed, stop the processes that it left running in this folder.

    Returns:
        Whether `./workshop up` was running.

    Raises:
        WorkshopError: `./workshop up` has not stopped after STOP_SECONDS.
    """
    terminated = False

    def stopped() -> bool:
        nonlocal terminated
        state = read()  # empty for a moment while `./workshop up` is starting
        if state and os.path.realpath(state.get("folder") or "/nowhere") != os.path.realpath(folder):
            return True
        if not terminated and (running := process(state)):
            with contextlib.suppress(psutil.Error):
                signal_to(running, signal.SIGTERM)
            terminated = True
        with contextlib.suppress(WorkshopError), only_one():
            return True
        return False

    if not until(stopped, STOP_SECONDS):
        raise WorkshopError(
            f"./workshop up is running {paths.shown(folder)} and did not stop within {STOP_SECONDS} s. "
            "Nothing was changed. Press Ctrl-C twice in its terminal, then run the same command again."
        )
    return terminated


def pids() -> set[int]:
    """Return the pids of the processes that `./workshop up` runs, and of all their children."""
    return {member.pid for member in _family(read())}


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Hold the lock while the `with` block runs. First, kill the processes that a previous run left behind.

    Raises:
        WorkshopError: Another `./workshop up` is running. The message lists the addresses in use.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(atomic_file.locked(paths.STATE / "up.lock", wait=False))
        except BlockingIOError:
            raise WorkshopError(_already_up(read())) from None
        stack.callback(_state_file().unlink, missing_ok=True)
        _kill_leftovers(read())
        yield


def _state_file() -> Path:
    return paths.STATE / "up.json"


def _already_up(state: dict) -> str:
    pid = state.get("pid")
    lines = [
        f"The workshop is already up (pid {pid}): {state.get('project')}"
        if pid
        else "./workshop up is already starting."
    ]
    lines += [f"  {name:<10}{address}" for name, address in state.get("addresses", {}).items()]
    if (up := process(state)) and up.status() == psutil.STATUS_STOPPED:
        lines.append(
            f"It was suspended with Ctrl-Z. To continue it, type fg in its terminal, or: kill -CONT {pid}"
        )
    lines.append("Stop it with Ctrl-C in its terminal" + (f", or type: kill {pid}" if pid else "."))
    return "\n".join(lines)


def _kill_leftovers(state: dict) -> None:
    """Kill the processes that a previous run left behind, and delete the files of that run's broker."""
    family = [member for member in _family(state) if member.pid != os.getpid()]
    for member in family:
        with contextlib.suppress(psutil.Error):
            member.kill()
    psutil.wait_procs(family, timeout=5)
    folder = Path(state.get("broker_folder") or "/nowhere")
    if folder.name.startswith("workshop-broker-") and folder.parent == Path(tempfile.gettempdir()):
        shutil.rmtree(folder, ignore_errors=True)
    _state_file().unlink(missing_ok=True)


def _family(state: dict) -> list[psutil.Process]:
    """Return the recorded processes that are still running, and their children. Children come first."""
    family = []
    for identity in state.get("processes", {}).values():
        if recorded := process(identity):
            with contextlib.suppress(psutil.Error):
                family += recorded.children(recursive=True)
            family.append(recorded)
    return family
