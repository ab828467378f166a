"""The `cluster` command: measure the speedup from several hosts, and show what happens when one dies."""

import contextlib
import os
import statistics

from rich.table import Table

from workshop.cluster import VISIBILITY_TIMEOUT, limits
from workshop.cluster.simulation import Simulation
from workshop.console import listed, say
from workshop.errors import WorkshopError
from workshop.photos import samples
from workshop.runtime.site_stack import SiteStack
from workshop.system.percentiles import spread
from workshop.system.signals import INTERRUPTED
from workshop.system.waiting import until

ROUNDS = 3


def main(workers: int, photos: int | None, quick: bool) -> int:
    """Simulate several hosts, measure their speed, and kill one host. Stop all processes at the end.

    Args:
        workers: The number of hosts.
        photos: The number of photos, or None for the default, which depends on the number of hosts.
        quick: Whether to use small photos and a single round, just to check that everything works.

    Returns:
        The exit code: 1 if a photo was lost or is in a host's own data folder, 130 after Ctrl-C, otherwise 0.
    """
    photos = limits.number_of_photos(workers, photos)
    photo = samples.photo(1600, 1200) if quick else samples.photo(4032, 3024)
    limits.check_memory(workers, photos * len(photo))
    with contextlib.ExitStack() as stack:
        stack.callback(say, "Stopped. Nothing is left running.")
        sites = SiteStack(stack)
        try:
            return _run(sites, workers, photo, photos, quick)
        except KeyboardInterrupt:
            return INTERRUPTED
        finally:
            sites.hold_signals()
            say("\nStopping …")


def host_counts(workers: int, quick: bool) -> list[int]:
    """Return the number of hosts for each row of the table: 1, 2, 4 and so on, and finally all hosts."""
    doubled = [1] if quick else [2**power for power in range(workers.bit_length()) if 2**power < workers]
    return [*doubled, workers]


def _run(sites: SiteStack, workers: int, photo: bytes, photos: int, quick: bool) -> int:
    simulation = Simulation(sites, workers)
    say(
        f"Running the finished system ({simulation.site.project.shown}) on {workers} hosts. Each host is a "
        "worker with one process, its own name and its own data folder, and has no access to the web "
        "process's files. The hosts share:"
    )
    for what, server in simulation.shared_servers.items():
        say(f"  {what:<10}{server}", hang=12)
    _upload(simulation, photo, photos)
    _measure_speedup(simulation, photos, host_counts(workers, quick), 1 if quick else ROUNDS)
    lost = _kill_host(simulation, photos)
    on_hosts = sum(len(host.files) for host in simulation.hosts)
    say(f"\nThe hosts' own data folders contain {on_hosts} photos.")
    return 1 if lost or on_hosts else 0


def _upload(simulation: Simulation, photo: bytes, photos: int) -> None:
    """Upload the photos through the site. Each host takes the next photo as soon as it is free."""
    with simulation.running_workers(len(simulation.hosts)) as hosts:
        simulation.upload(photo, photos)
        _resize_all(simulation, photos, send=False)
        # A host updates the row in the database before it logs that the task has succeeded.
        until(lambda: sum(host.resized for host in hosts) >= photos, 5)
        say(f"\nUploaded {photos} photos through the site. The hosts resized all of them:")
        say("  " + ", ".join(f"{host.name} {host.resized}" for host in hosts))


def _measure_speedup(simulation: Simulation, photos: int, counts: list[int], rounds: int) -> None:
    """Resize all photos with each number of hosts in `counts`, in turn, and print a table of the rates."""
    often = "once each" if rounds == 1 else f"{rounds} times each"
    say(
        f"\nResizing the same {photos} photos again, {often} with {listed(counts)} hosts. "
        + ("A single round is not a reliable measurement." if rounds == 1 else "This takes a few minutes.")
    )
    rates: dict[int, list[float]] = {count: [] for count in counts}
    for turn in range(rounds):
        for count in counts[:: 1 if turn % 2 == 0 else -1]:
            with simulation.running_workers(count):
                if rounds > 1:
                    # A warm-up, because a process imports the modules when it resizes its first photo.
                    _resize_all(simulation, photos)
                rates[count].append(photos / _resize_all(simulation, photos))
    _print_rates(rates)
    # macOS has no sched_getaffinity.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    say(
        f"  CPU cores of this machine: {cores}. The web process, the database, the photo store and the "
        "broker need cores, too, so you gain little by simulating more hosts than there are cores. Real "
        "hosts bring their own cores."
    )


def _print_rates(rates: dict[int, list[float]]) -> None:
    """Print the number of photos per second for each number of hosts."""
    one_round = len(rates[1]) == 1
    table = Table(box=None, padding=(0, 0, 0, 2))  # no trailing spaces
    for heading in ("hosts", "photos/s" if one_round else "photos/s: median (range)", "speedup"):
        table.add_column(heading, justify="right")
    for count, values in rates.items():
        speedup = statistics.median(values) / statistics.median(rates[1])
        table.add_row(str(count), f"{values[0]:.1f}" if one_round else spread(values, 1), f"{speedup:.2f}")
    say(table)


def _kill_host(simulation: Simulation, photos: int) -> int:
    """Kill a host while it is resizing a photo, and report the outcome.

    Returns:
        The number of lost photos.

    Raises:
        WorkshopError: If the host was not killed, because it never had an unfinished message.
    """
    with (
        simulation.running_workers(len(simulation.hosts)) as hosts,
        contextlib.closing(simulation.resize()) as progress,
    ):
        victim, others = hosts[-1], hosts[:-1]
        unfinished, done = 0, 0
        seconds = seconds_of_others = 0.0
        for done, seconds in progress:
            if not unfinished and done >= photos // 3 and until(victim.is_quiet, 1) and victim.unfinished:
                victim.kill()
                unfinished = victim.unfinished
                say(
                    f"\nKilled {victim.name} with kill -9. Its unfinished messages: {unfinished}. "
                    f"Photos resized so far: {done} of {photos}."
                )
            if done <= photos - unfinished:
                seconds_of_others = seconds
        twice = sum(host.resized for host in hosts) - done
    if not unfinished:
        raise WorkshopError(
            f"{victim.name} had no unfinished message, so it wasn't killed. "
            f"Use more photos: --photos {2 * photos}."
        )
    lost = photos - done
    say(
        f"  {listed(host.name for host in others)} kept running. All other photos were done "
        f"{seconds_of_others:.1f} s after the first task was sent."
    )
    if lost:
        say(
            "  After that, no more photos were resized. If a message is acknowledged before the work is "
            "done, it is lost when its worker dies. The fix is acks_late and reject_on_worker_lost (step "
            "3.7). A message that was on its way from Redis to the worker is lost even with these options. "
            "The sweeper re-sends the tasks in both cases (step 5.3), but it doesn't run here."
        )
    else:
        say(
            f"  {victim.name} hadn't acknowledged its messages, so the broker still has them. After the "
            f"visibility timeout ({VISIBILITY_TIMEOUT} s here, one hour by default), another "
            "worker returns them to the queue."
        )
    again = f" Resized twice: {twice}." if twice > 0 else ""
    say(f"  After {seconds:.1f} s, {done} of {photos} photos are resized. Lost: {lost}.{again}")
    return lost


def _resize_all(simulation: Simulation, photos: int, send: bool = True) -> float:
    """Wait until all photos are resized, and return how many seconds it took.

    Raises:
        WorkshopError: If some photos were not resized.
    """
    done, seconds = 0, 0.0
    for done, seconds in simulation.resize(send):  # noqa: B007
        pass
    if done < photos:
        raise WorkshopError(
            f"{photos - done} of {photos} photos were not resized, although no host was killed."
        )
    return seconds
