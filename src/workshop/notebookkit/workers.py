"""Find the running workers, and wait for something that a worker does."""

from collections.abc import Callable
from dataclasses import dataclass

from celery import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as NoBroker

from workshop.errors import WorkshopError
from workshop.system.waiting import until

PATIENCE = 1.0
"""Seconds to wait for the workers' answers. A worker usually answers within a tenth of this time."""
SILENCE = 2.0
"""Seconds without a result after which `wait_until` checks whether a worker is running."""


@dataclass(frozen=True)
class Workers:
    """The workers that answered.

    Attributes:
        processes: The number of processes of each worker, by its name.
    """

    processes: dict[str, int]

    def __bool__(self) -> bool:
        return bool(self.processes)

    def __str__(self) -> str:
        return ", ".join(f"{name} ({count} processes)" for name, count in sorted(self.processes.items()))


def workers() -> Workers:
    """Ask which workers are running, and wait up to PATIENCE. Without a broker, there are none."""
    try:
        answers = current_app.control.inspect(timeout=PATIENCE).stats() or {}
    except (OperationalError, NoBroker, OSError):
        answers = {}
    pools = {name: answer.get("pool", {}).get("max-concurrency", 1) for name, answer in answers.items()}
    return Workers(pools)


def wait_until(condition: Callable[[], object], seconds: float = 10, what: str = "It") -> object:
    """Wait until `condition()` returns something true, and return it.

    Args:
        condition: Called again and again, at most about twenty times a second.
        seconds: How long to wait.
        what: A name for the result, for the error message.

    Raises:
        WorkshopError: The condition was not true in time, or no worker is running, so waiting is useless.
    """
    if value := until(condition, min(seconds, SILENCE)):
        return value
    if running := workers():
        if value := until(condition, seconds - SILENCE):
            return value
        advice = f"Running workers: {running}. Run the cell again when they are less busy."
    else:
        seconds = min(seconds, SILENCE)
        advice = "No worker is running. Start one in a terminal: ./workshop up"
    awaited = what[0].lower() + what[1:]
    raise WorkshopError(f"Timed out after {seconds:.0f} s while waiting for {awaited}. {advice}")
