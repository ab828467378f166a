"""The command: what several hosts do faster than one, and what is lost when one of them dies."""

import contextlib
import os

from rich.table import Table

from workshop import samples
from workshop.bench.statistic import spread
from workshop.console import console
from workshop.demo_site import Ending
from workshop.errors import WorkshopError

from .system import VISIBILITY_TIMEOUT, System

MOST = 16
"""Hosts: what is left of a common laptop's memory carries so many workers."""


def main(workers: int, photos: int, quick: bool) -> int:
    """Run `workers` hosts with `photos` photos; the exit code, 1 when a photo is lost, 130 after Ctrl-C.

    quick: small photos and one round, which shows that it works and measures nothing. Whatever happens,
    nothing is left running. Raises WorkshopError when a part does not start.
    """
    if not 2 <= workers <= MOST:
        raise WorkshopError(f"Name between 2 and {MOST} hosts: --workers 4.")
    if photos < 2 * workers:
        raise WorkshopError(
            f"{photos} photos are too few for {workers} hosts to share: --photos {10 * workers}."
        )
    with contextlib.ExitStack() as stack:
        stack.callback(_say, "Stopped. Nothing is left running.")
        ending = Ending(stack)
        try:
            return _run(ending, workers, photos, quick)
        except KeyboardInterrupt:
            return 130
        finally:
            ending.hold()
            _say("\nStopping …")


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def counts(workers: int, quick: bool) -> list[int]:
    """How many hosts work in each row of the table: 1, 2, 4 and so on, and all of them."""
    doubled = [1] if quick else [2**power for power in range(workers.bit_length()) if 2**power < workers]
    return [*doubled, workers]


def _run(ending: Ending, workers: int, photos: int, quick: bool) -> int:
    system = System(ending, workers)
    _say(
        f"The finished system ({system.site.project.shown}) on {workers} hosts: each has a worker with one "
        "process, a name\nand a data folder of its own, and reads nothing of the site's disk. They share:"
    )
    for what, served in system.parts.items():
        _say(f"  {what:<10}{served}")
    photo = samples.photo(1600, 1200) if quick else samples.photo(4032, 3024)
    _together(system, photo, photos)
    _faster(system, photos, counts(workers, quick), 1 if quick else 3)
    lost = _killed(system, photos)
    _say(f"\nPhotos in the hosts' data folders: {sum(len(host.files) for host in system.hosts)}.")
    return 1 if lost else 0


def _together(system: System, photo: bytes, photos: int) -> None:
    """Upload through the site; whoever is free takes the next photo."""
    with system.at_work(len(system.hosts)) as hosts:
        system.upload(photo, photos)
        done = _last(system.resizing(send=False))[0]
        _say(f"\n{photos} photos uploaded through the site; {done} are resized. Who did how many:")
        _say("  " + ", ".join(f"{host.name} {host.resized}" for host in hosts))


def _faster(system: System, photos: int, numbers: list[int], rounds: int) -> None:
    """Resize all of them with so many hosts as each of `numbers` says, in turn, and print the table."""
    rates: dict[int, list[float]] = {count: [] for count in numbers}
    for turn in range(rounds):
        for count in numbers[:: 1 if turn % 2 == 0 else -1]:
            with system.at_work(count):
                if rounds > 1:
                    _last(system.resizing())  # a process's first photo costs it the imports
                done, seconds = _last(system.resizing())
            if done < photos:
                raise WorkshopError(f"{photos - done} of {photos} photos were not resized.")
            rates[count].append(photos / seconds)
    times = "in one round" if rounds == 1 else f"in {rounds} rounds"
    table = Table(title=f"{photos} photos again, {times}", title_justify="left", box=None)
    for heading in ("hosts", "photos/s (range)", "one host = 1"):
        table.add_column(heading, justify="right")
    one = sorted(rates[1])[rounds // 2]
    for count, found in rates.items():
        table.add_row(str(count), spread(found, 1), f"{sorted(found)[rounds // 2] / one:.2f}")
    console.print()
    console.print(table)
    _say(
        f"  This machine has {cores()} cores, and site, database, store and broker use them too. More hosts "
        "than cores\n  add nothing here; on machines of their own each brings its cores along."
    )


def _killed(system: System, photos: int) -> int:
    """Kill a host in the middle of a photo, and say what became of all of them. Returns how many are lost."""
    with system.at_work(len(system.hosts)) as hosts:
        victim, others = hosts[-1], hosts[:-1]
        held, at, through = 0, 0, 0.0
        done, seconds = 0, 0.0
        for done, seconds in system.resizing():
            if not held and done >= photos // 3 and victim.held:
                victim.kill()
                held, at = victim.held, done
                _say(f"\nkill -9 {victim.name}, {held} messages in its hands, {at} of {photos} resized.")
            if done <= photos - held:
                through = seconds
        twice = sum(host.resized for host in hosts) - done
    lost = photos - done
    if not held:
        raise WorkshopError(f"{victim.name} had nothing to do. Take more photos: --photos {2 * photos}.")
    _say(
        f"  {', '.join(host.name for host in others)} went on, and were through with the rest after "
        f"{through:.1f} s.\n"
        f"  Nobody has acknowledged the {held}, so the broker still has them. It hands them out again after "
        f"the\n  visibility timeout: {VISIBILITY_TIMEOUT} s here, an hour where nothing is set.\n"
        f"  After {seconds:.1f} s {done} of {photos} are resized, {lost} lost"
        + (f", {twice} of them twice." if twice > 0 else ".")
    )
    return lost


def _last(changes) -> tuple[int, float]:
    last = (0, 0.0)
    for last in changes:  # noqa: B007
        pass
    return last


def _say(text: str) -> None:
    """Print a sentence; a terminal that is gone is no reason to stop half way."""
    with contextlib.suppress(OSError):
        console.print(text, markup=False, soft_wrap=True)
