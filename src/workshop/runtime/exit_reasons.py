"""Explain why a supervised process isn't running. Each explanation is printed after the service's name."""

import contextlib
import signal
from collections.abc import Collection
from pathlib import Path

from workshop import paths
from workshop.runtime import diagnosis, service_errors
from workshop.runtime.broker import Broker, without_password
from workshop.runtime.diagnosis import Cause
from workshop.runtime.procfile import Service
from workshop.runtime.service_errors import ServiceError


class ExitReasons:
    """Explains why a project's processes have exited.

    Args:
        folder: The project's folder.
        broker: The workshop's own broker, or None if the project uses another broker.

    Attributes:
        broker_stopped: Whether `./workshop broker stop` has stopped the broker.
    """

    def __init__(self, folder: Path, broker: Broker | None):
        self.folder, self.broker = folder, broker
        self.broker_stopped = False

    def exited(self, service: Service, lines: Collection[str], code: int) -> str:
        """Return a message that says how and why the process exited, and what to do about it.

        Args:
            service: The service whose process has exited.
            lines: The last lines of the process's output.
            code: The process's exit code.
        """
        next_start = "\n  The process starts again when you save a file."
        if log := service.log:  # a service with a log file is not part of the project
            next_start = f"\n  The log is {paths.shown(log)}. The other processes keep running."
        if number := _signal_of(code):
            killed = (
                ". The signal came from kill -9, or from the system because memory ran out (on Linux, see "
                "dmesg)."
            )
            return f"ended (killed by {number.name}){killed if number == signal.SIGKILL else ''}{next_start}"
        cause = diagnosis.cause(lines, self.folder) if code else Cause()
        if error := service_errors.find(cause):
            if self._fix(error) == service_errors.NEW_BROKER:
                next_start = ""
            return f"stopped because {self._describe(error, service, cause)}{next_start}"
        return f"ended (exit code {code}){f': {cause}' if cause.error else ''}{next_start}"

    def broken(self, service: Service, lines: Collection[str]) -> str:
        """Return why a process that is still running cannot load the learner's code."""
        cause = diagnosis.cause(lines, self.folder)
        error = service_errors.find(cause)
        return self._describe(error, service, cause) if error else str(cause)

    def waits(self, service: Service, lines: Collection[str]) -> str:
        """Return the step that a service is waiting for, and the reason.

        Args:
            service: The service that can't start yet.
            lines: The output of the service's probe.
        """
        reason = str(diagnosis.cause(lines, self.folder))
        if "has no attribute" in reason or f"No module named '{service.app}.celery'" in reason:
            reason = f"{service.app}/celery.py has no app yet"
        return f"step {service.waits} ({reason})"

    def _describe(self, error: ServiceError, service: Service, cause: Cause) -> str:
        where = f" (in {cause.place})" if cause.place else ""
        if error.is_broker and "connecting to" not in error.error:
            address = service.environment.get("CELERY_BROKER_URL") or service.environment.get("REDIS_URL", "")
            where = f" ({without_password(address)}){where}"
        fix = self._fix(error)
        return f"{error.what}: {error.error}{where}" + (f"\n  {fix}" if fix else "")

    def _fix(self, error: ServiceError) -> str:
        if error.is_broker and self.broker is not None:
            if self.broker_stopped:
                return "Start the broker again: ./workshop broker start"
            if not self.broker.running:
                return ""  # the broker restarts together with the process
            if error.responded:
                return service_errors.NEW_BROKER
        return error.fix


def _signal_of(code: int) -> signal.Signals | None:
    number = -code if code < 0 else code - 128
    with contextlib.suppress(ValueError):
        return signal.Signals(number)
    return None
