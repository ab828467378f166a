"""The command: what several hosts do faster than one, and what is lost when one of them dies."""

import contextlib
import os

from workshop import samples
from workshop.checkkit import until
from workshop.console import say
from workshop.demo_site import Ending
from workshop.errors import WorkshopError

from . import VISIBILITY_TIMEOUT, limits
from .saying import listed, rates_table
from .system import System

ROUNDS = 3


def main(workers: int, photos: int | None, quick: bool) -> int:
    """Run `workers` hosts with `photos` photos; the exit code, 1 when a photo is lost, 130 after Ctrl-C.

    photos: None is as many as suit the hosts. quick: small photos and one round, which shows that it works
    and measures nothing. Whatever happens, nothing is left running. Raises WorkshopError when a part does
    not start, and for numbers that make no sense.
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
    """How many hosts work in each row of the table: 1, 2, 4 and so on, and all of them."""
    doubled = [1] if quick else [2**power for power in range(workers.bit_length()) if 2**power < workers]
    return [*doubled, workers]


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(ending: Ending, workers: int, photo: bytes, photos: int, quick: bool) -> int:
    system = System(ending, workers)
    say(
        f"The finished system ({system.site.project.shown}) on {workers} hosts. Each host is a worker with "
        "one process, a name and a data folder of its own, and reads nothing of the site's disk. They share:"
    )
    for what, served in system.parts.items():
        say(f"  {what:<10}{served}", hang=12)
    _together(system, photo, photos)
    _faster(system, photos, counts(workers, quick), 1 if quick else ROUNDS)
    lost = _killed(system, photos)
    kept = sum(len(host.files) for host in system.hosts)
    say(f"\nThe hosts' own data folders hold {kept} photos.")
    return 1 if lost or kept else 0


def _together(system: System, photo: bytes, photos: int) -> None:
    """Upload through the site; whoever is free takes the next photo."""
    with system.at_work(len(system.hosts)) as hosts:
        system.upload(photo, photos)
        done = _last(system, send=False)[0]
        until(lambda: sum(host.resized for host in hosts) >= done, 5)  # a row comes before its line in a log
        say(f"\n{photos} photos were uploaded through the site, {done} are resized. How many by whom:")
        say("  " + ", ".join(f"{host.name} {host.resized}" for host in hosts))
        _all(done, photos)


def _faster(system: System, photos: int, numbers: list[int], rounds: int) -> None:
    """Resize all of them with so many hosts as each of `numbers` says, in turn, and print the table."""
    often = "once" if rounds == 1 else f"{rounds} times each"
    say(
        f"\nThe same {photos} photos again, {often} on {listed(numbers)} hosts. "
        + ("One round measures nothing." if rounds == 1 else "This takes minutes.")
    )
    rates: dict[int, list[float]] = {count: [] for count in numbers}
    for turn in range(rounds):
        for count in numbers[:: 1 if turn % 2 == 0 else -1]:
            with system.at_work(count):
                if rounds > 1:
                    _last(system)  # a process's first photo costs it the imports
                done, seconds = _last(system)
            _all(done, photos)
            rates[count].append(photos / seconds)
    rates_table(rates)
    say(
        f"  This machine has {cores()} cores, and the site, the database, the store and the broker use them, "
        "too. More hosts than cores add little here. Hosts that are machines bring their own cores."
    )


def _killed(system: System, photos: int) -> int:
    """Kill a host in the middle of a photo, and say what became of all of them. Returns how many are lost."""
    with system.at_work(len(system.hosts)) as hosts, contextlib.closing(system.resizing()) as changes:
        victim, others = hosts[-1], hosts[:-1]
        held, through = 0, 0.0
        done, seconds = 0, 0.0
        for done, seconds in changes:
            if not held and done >= photos // 3 and until(victim.steady, 1) and victim.held:
                victim.kill()
                held = victim.held
                say(
                    f"\nkill -9 {victim.name}. It had {held} messages in its hands; {done} of {photos} "
                    "photos were resized."
                )
            if done <= photos - held:
                through = seconds
        twice = sum(host.resized for host in hosts) - done
    lost = photos - done
    if not held:
        raise WorkshopError(f"{victim.name} had nothing to do. Take more photos: --photos {2 * photos}.")
    say(
        f"  {listed(host.name for host in others)} went on, and all other photos were done {through:.1f} s "
        "after the first was sent."
    )
    if lost:
        why = (
            "Since then no other came. A message that is acknowledged before the work is done is lost with "
            "its worker: acks_late and reject_on_worker_lost are the cure (step 3.7). One that was on its "
            "way from Redis to the worker is lost with both of them, too. The sweeper sends either again "
            "(step 5.3); it does not run here."
        )
    else:
        why = (
            f"Nobody has acknowledged the {held} messages, so the broker has them still. A worker that lives "
            "puts them back into the queue, once they are away for longer than the visibility timeout: "
            f"{VISIBILITY_TIMEOUT} s here, one hour where nothing is set."
        )
    say(f"  {why}")
    again = f", {twice} of them done twice" if twice > 0 else ""
    say(f"  After {seconds:.1f} s {done} of {photos} are resized, {lost} lost{again}.")
    return lost


def _last(system: System, send: bool = True) -> tuple[int, float]:
    """How many are resized in the end, and after how many seconds."""
    last = (0, 0.0)
    with contextlib.closing(system.resizing(send)) as changes:
        for last in changes:  # noqa: B007
            pass
    return last


def _all(done: int, photos: int) -> None:
    if done < photos:
        raise WorkshopError(f"{photos - done} of {photos} photos were not resized, though nobody was killed.")
