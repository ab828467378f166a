"""Show a sentence instead of a traceback for errors with a known cause."""

import traceback

from celery.exceptions import TimeoutError as NoResult
from django.conf import settings
from django.core.management.base import CommandError
from IPython import get_ipython
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as NoBroker

from workshop.errors import WorkshopError

from .workers import workers

SERVICE_ERRORS = (WorkshopError, NoResult, OperationalError, NoBroker)
"""Errors caused by the services that a cell uses rather than by the cell itself."""


def explain(error: BaseException, command: str, has_celery: bool = True) -> str | None:
    """Return a message that says what to do about `error`, or None if the cause is unknown.

    Args:
        error: The exception that the cell raised.
        command: The command that starts the project.
        has_celery: Whether the project needs a worker.
    """
    if isinstance(error, WorkshopError):
        return str(error)
    if isinstance(error, NoResult):
        return (
            f"No reply arrived in time. If no worker is running, start one in a terminal: {command}\n"
            "Then run this cell again."
        )
    if isinstance(error, (OperationalError, NoBroker)):
        return (
            f"No broker responds. Start the broker in a terminal: {command}\n"
            "Then run the cells again, from the first one that opens the project."
        )
    if isinstance(error, CommandError) and str(error).startswith("Unknown command") and _practice_is_off():
        return (
            f"{error}. Practice mode is off. Start the site, the workers and this notebook with PRACTICE=1 "
            "in their environment. For containers, type: PRACTICE=1 ./workshop compose up --wait"
        )
    if isinstance(error, NameError):
        return (
            f"{error}. Is this name defined in a cell above that you haven't run yet or that stopped early? "
            "Run that cell first."
        )
    if isinstance(error, ImportError):
        return f"{error}. Run the cell that opens the project, and make sure that the project was found."
    if has_celery and not workers():
        return f"{type(error).__name__}: {error}\nNo worker is running. Start one in a terminal: {command}"
    return None


def show_readable_errors(command: str, has_celery: bool) -> None:
    """When a cell fails, show the message from `explain` instead of a traceback.

    Outside a notebook, this function does nothing.

    Args:
        command: The command that starts the project.
        has_celery: Whether the project needs a worker.
    """

    def show(shell, kind, error, tb, tb_offset=None) -> list[str] | None:
        explanation = explain(error, command, has_celery)
        if explanation is None:
            shell.showtraceback((kind, error, tb), tb_offset=tb_offset)
            return None
        # The notebook's line helps to find a misspelled name, but the lines in libraries don't.
        lines = [frame.line for frame in traceback.extract_tb(tb) if "ipykernel_" in frame.filename]
        if lines and isinstance(error, (NameError, ImportError)):
            explanation += f"\n    {lines[-1]}"
        # This tells a program that is running the notebook that the cell has failed.
        shell._showtraceback(kind, explanation, [explanation])
        return [explanation]

    if shell := get_ipython():
        shell.set_custom_exc((Exception,), show)


def _practice_is_off() -> bool:
    """Return True if the project runs without the `practice` app, the app that simulates failing services."""
    return settings.configured and not getattr(settings, "PRACTICE", True)
