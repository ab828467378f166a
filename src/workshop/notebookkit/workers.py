"""Find the running workers by remote control."""

from dataclasses import dataclass

from celery import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as NoBroker

PATIENCE = 1.0
"""Seconds to wait for the workers' answers. A worker usually answers within a tenth of this time."""


@dataclass(frozen=True)
class Workers:
    """The names of the workers that answered, with the numbers of their processes."""

    processes: dict[str, int]

    def __bool__(self) -> bool:
        return bool(self.processes)

    def __str__(self) -> str:
        return ", ".join(f"{name} ({count} processes)" for name, count in sorted(self.processes.items()))


def workers(patience: float = PATIENCE) -> Workers:
    """Ask which workers are running, and wait up to `patience` seconds. Without a broker, there are none."""
    try:
        answers = current_app.control.inspect(timeout=patience).stats() or {}
    except (OperationalError, NoBroker, OSError):
        answers = {}
    pools = {name: answer.get("pool", {}).get("max-concurrency", 1) for name, answer in answers.items()}
    return Workers(pools)
