"""The workers that are up, as remote control sees them."""

from dataclasses import dataclass

from celery import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as NoBroker

PATIENCE = 1.0
"""Seconds to wait for the answers of workers. One that is alive answers within a tenth of it."""


@dataclass(frozen=True)
class Workers:
    """Names of the workers that answered, with the number of their processes."""

    processes: dict[str, int]

    def __bool__(self) -> bool:
        return bool(self.processes)

    def __str__(self) -> str:
        return ", ".join(f"{name} ({count} processes)" for name, count in sorted(self.processes.items()))


def workers(patience: float = PATIENCE) -> Workers:
    """Ask who is up, and wait `patience` seconds at most. No broker: nobody answers."""
    try:
        answers = current_app.control.inspect(timeout=patience).stats() or {}
    except (OperationalError, NoBroker, OSError):
        answers = {}
    pools = {name: answer.get("pool", {}).get("max-concurrency", 1) for name, answer in answers.items()}
    return Workers(pools)
