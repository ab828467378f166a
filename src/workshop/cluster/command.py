"""The command: measure how much faster several hosts are than one, and what is lost when a host dies."""

import contextlib
import os

from workshop.cluster.output import listed, rates_table
from workshop.console import say
from workshop.errors import WorkshopError
from workshop.photos import samples
from workshop.runtime.solution_site import Ending
from workshop.system.waiting import until

from . import VISIBILITY_TIMEOUT, limits
from .system import System

ROUNDS = 3


def main(workers: int, photos: int | None, quick: bool) -> int:
    """Run `workers` hosts with `photos` photos. Exit codes: 1 if a photo is lost, 130 after Ctrl-C.

    photos: None chooses a number that suits the hosts. quick: use small photos and one round, to show that
    the command works without measuring anything. All processes are stopped on every exit. Raises
    WorkshopError if a process does not start, or if the numbers are out of range.
    """
    photos = limits.number_of_photos(workers, photos)
    photo = samples.photo(1600, 1200) if quick else samples.photo(4032, 3024)
    limits.look_at_memory(workers, photos * len(photo))
    with contextlib.ExitStack() as stack:
        stack.callback(say, "Stopped. Nothing is left running.")
        ending = Ending(stack)
        try:
            return _run(ending, workers, photo, photos, quick)
        except KeyboardInterrupt:
            return 130
        finally:
            ending.hold()
            say("\nStopping …")


def counts(workers: int, quick: bool) -> list[int]:
    """The number of hosts in each row of the table: 1, 2, 4 and so on, and finally all hosts."""
    doubled = [1] if quick else [2**power for power in range(workers.bit_length()) if 2**power < workers]
    return [*doubled, workers]


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(ending: Ending, workers: int, photo: bytes, photos: int, quick: bool) -> int:
    system = System(ending, workers)
    say(
        f"Running the finished system ({system.site.project.shown}) on {workers} hosts. Each host is a "
        "worker with one process, its own name and its own data folder, and it doesn't read the web "
        "process's disk. The hosts share:"
    )
    for what, served in system.parts.items():
        say(f"  {what:<10}{served}", hang=12)
    _together(system, photo, photos)
    _faster(system, photos, counts(workers, quick), 1 if quick else ROUNDS)
    lost = _killed(system, photos)
    kept = sum(len(host.files) for host in system.hosts)
    say(f"\nThe hosts' own data folders contain {kept} photos.")
    return 1 if lost or kept else 0


def _together(system: System, photo: bytes, photos: int) -> None:
    """Upload the photos through the site. Each host takes the next photo when it is free."""
    with system.at_work(len(system.hosts)) as hosts:
        system.upload(photo, photos)
        done = _last(system, send=False)[0]
        # A host saves the row before it logs the line.
        until(lambda: sum(host.resized for host in hosts) >= done, 5)
        say(f"\nUploaded {photos} photos through the site. The hosts resized {done} of them:")
        say("  " + ", ".join(f"{host.name} {host.resized}" for host in hosts))
        _all(done, photos)


def _faster(system: System, photos: int, numbers: list[int], rounds: int) -> None:
    """Resize all photos with each number of hosts in `numbers`, in turn, and print the table."""
    often = "once each" if rounds == 1 else f"{rounds} times each"
    say(
        f"\nResizing the same {photos} photos again, {often} with {listed(numbers)} hosts. "
        + ("A single round isn't a measurement." if rounds == 1 else "This takes a few minutes.")
    )
    rates: dict[int, list[float]] = {count: [] for count in numbers}
    for turn in range(rounds):
        for count in numbers[:: 1 if turn % 2 == 0 else -1]:
            with system.at_work(count):
                if rounds > 1:
                    _last(system)  # with its first photo, a process also imports the modules
                done, seconds = _last(system)
            _all(done, photos)
            rates[count].append(photos / seconds)
    rates_table(rates)
    say(
        f"  CPU cores of this machine: {cores()}. The web process, the database, the photo store and the "
        "broker use them too, so more simulated hosts than cores help little. Real hosts bring "
        "their own cores."
    )


def _killed(system: System, photos: int) -> int:
    """Kill a host while it is resizing a photo, and report the outcome. Returns the number of lost photos."""
    with system.at_work(len(system.hosts)) as hosts, contextlib.closing(system.resizing()) as changes:
        victim, others = hosts[-1], hosts[:-1]
        held, through = 0, 0.0
        done, seconds = 0, 0.0
        for done, seconds in changes:
            if not held and done >= photos // 3 and until(victim.steady, 1) and victim.held:
                victim.kill()
                held = victim.held
                say(
                    f"\nKilled {victim.name} with kill -9. Its unfinished messages: {held}. "
                    f"Photos resized so far: {done} of {photos}."
                )
            if done <= photos - held:
                through = seconds
        twice = sum(host.resized for host in hosts) - done
    lost = photos - done
    if not held:
        raise WorkshopError(
            f"{victim.name} had no message to lose, so it wasn't killed. "
            f"Use more photos: --photos {2 * photos}."
        )
    say(
        f"  {listed(host.name for host in others)} kept running. All other photos were resized "
        f"{through:.1f} s after the first task was sent."
    )
    if lost:
        why = (
            "After that, no more photos were resized. If a message is acknowledged before the work is done, "
            "it is lost when its worker dies. The fix is acks_late and reject_on_worker_lost (step 3.7). A "
            "message that was on its way from Redis to the worker is lost even with these options. The "
            "sweeper re-sends the tasks in both cases (step 5.3), but it doesn't run here."
        )
    else:
        why = (
            f"{victim.name} hadn't acknowledged its messages, so the broker still has them. After the "
            f"visibility timeout ({VISIBILITY_TIMEOUT} s here, one hour by default), another "
            "worker returns them to the queue."
        )
    say(f"  {why}")
    again = f" Resized twice: {twice}." if twice > 0 else ""
    say(f"  After {seconds:.1f} s, {done} of {photos} photos are resized. Lost: {lost}.{again}")
    return lost


def _last(system: System, send: bool = True) -> tuple[int, float]:
    """The final number of resized photos, and the seconds until then."""
    last = (0, 0.0)
    with contextlib.closing(system.resizing(send)) as changes:
        for last in changes:  # noqa: B007
            pass
    return last


def _all(done: int, photos: int) -> None:
    if done < photos:
        raise WorkshopError(
            f"{photos - done} of {photos} photos were not resized, although no host was killed."
        )
