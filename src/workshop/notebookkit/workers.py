"""Find the running workers, and wait until a worker has done something."""

from collections.abc import Callable
from dataclasses import dataclass

from celery import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as NoBroker

from workshop.errors import WorkshopError
from workshop.system.waiting import until

PATIENCE = 1.0
"""The number of seconds to wait for the workers' answers. Workers usually answer in a tenth of this time."""
SILENCE = 2.0
"""If there is no result after this many seconds, `wait_until` checks whether a worker is running."""


@dataclass(frozen=True)
class Workers:
    """The workers that answered a request.

    Attributes:
        processes: A dictionary that maps each worker's name to its number of processes.
    """

    processes: dict[str, int]

    def __bool__(self) -> bool:
        return bool(self.processes)

    def __str__(self) -> str:
        return ", ".join(f"{name} ({count} processes)" for name, count in sorted(self.processes.items()))


def workers() -> Workers:
    """Return the workers that answer within PATIENCE seconds. If no broker responds, the result is empty."""
    try:
        answers = current_app.control.inspect(timeout=PATIENCE).stats() or {}
    except (OperationalError, NoBroker, OSError):
        answers = {}
    pools = {name: answer.get("pool", {}).get("max-concurrency", 1) for name, answer in answers.items()}
    return Workers(pools)


def wait_until(condition: Callable[[], object], seconds: float = 10, what: str = "It") -> object:
    """Wait until `condition()` returns a truthy value, and return that value.

    Args:
        condition: A function that is called repeatedly, up to about twenty times a second.
        seconds: The maximum number of seconds to wait.
        what: A description of the awaited event for the error message, such as "The end of the task".

    Raises:
        WorkshopError: The condition did not become true in time, or no worker is running.
    """
    if value := until(condition, min(seconds, SILENCE)):
        return value
    if running := workers():
        if value := until(condition, seconds - SILENCE):
            return value
        advice = f"Running workers: {running}. Run the cell again when these workers are less busy."
    else:
        seconds = min(seconds, SILENCE)
        advice = "No worker is running. Start one in a terminal: ./workshop up"
    awaited = what[0].lower() + what[1:]
    raise WorkshopError(f"Timed out after {seconds:.0f} s while waiting for {awaited}. {advice}")
