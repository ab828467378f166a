"""Why a process under the supervisor isn't running, as a text that follows the service's name."""

import contextlib
import signal
from collections.abc import Collection, Mapping
from pathlib import Path

from workshop import paths
from workshop.runtime import diagnosis, service_errors
from workshop.runtime.broker import Broker, without_password
from workshop.runtime.procfile import Service
from workshop.runtime.service_errors import Trouble


class ExitReasons:
    """Explains exits of the processes of the project in `folder`.

    broker: the workshop's own broker, or None if the project uses another one. broker_stopped: set it while
    `./workshop broker stop` keeps the broker down.
    """

    def __init__(self, folder: Path, broker: Broker | None):
        self.folder, self.broker = folder, broker
        self.broker_stopped = False

    def exited(self, service: Service, lines: Collection[str], code: int) -> str:
        """Return how and why the process exited, and what to do. lines: its last output."""
        how, then = f"ended ({_exit(code)})", "\n  It starts again when you save a file."
        if log := service.log:  # not part of the project
            then = f"\n  Its log is {paths.shown(log)}. The other processes keep running."
        if number := _signal_of(code):
            killed = ": by kill -9, or by the system because memory ran out (on Linux, see dmesg)."
            return how + (killed if number == signal.SIGKILL else "") + then
        cause = diagnosis.cause(lines, self.folder) if code else diagnosis.Cause()
        if trouble := service_errors.named(cause):
            fixed_on_save = self._fix(trouble) != service_errors.NEW_BROKER
            return f"stopped because {self._because(service, trouble, cause)}" + (
                then if fixed_on_save else ""
            )
        return (f"{how}: {cause}" if cause.error else how) + then

    def broken(self, service: Service, lines: Collection[str]) -> str:
        """Return why a process that is still running cannot load the learner's code."""
        cause = diagnosis.cause(lines, self.folder)
        trouble = service_errors.named(cause)
        return self._because(service, trouble, cause) if trouble else str(cause)

    def waits(self, service: Service, lines: Collection[str]) -> str:
        """Return the step that a process waits for. lines: the output of its probe."""
        reason = str(diagnosis.cause(lines, self.folder))
        if "has no attribute" in reason or f"No module named '{service.app}.celery'" in reason:
            reason = f"{service.app}/celery.py has no app yet"
        return f"step {service.waits} ({reason})"

    def _because(self, service: Service, trouble: Trouble, cause: diagnosis.Cause) -> str:
        where = f" (in {cause.place})" if cause.place else ""
        if trouble.is_broker and "connecting to" not in trouble.error:
            where = f" ({_address(service.environment)}){where}"
        fix = self._fix(trouble)
        return f"{trouble.what}: {trouble.error}{where}" + (f"\n  {fix}" if fix else "")

    def _fix(self, trouble: Trouble) -> str:
        if trouble.is_broker and self.broker is not None:
            if self.broker_stopped:
                return "Start the broker again: ./workshop broker start"
            if not self.broker.running:
                return ""  # the broker restarts together with the process
            if trouble.answered:
                return service_errors.NEW_BROKER
        return trouble.fix


def _address(environment: Mapping[str, str]) -> str:
    """Return the address of the broker that a process uses, without the password."""
    url = environment.get("CELERY_BROKER_URL") or environment.get("REDIS_URL", "")
    return without_password(url)


def _signal_of(code: int) -> signal.Signals | None:
    number = -code if code < 0 else code - 128
    with contextlib.suppress(ValueError):
        return signal.Signals(number)
    return None


def _exit(code: int) -> str:
    number = _signal_of(code)
    return f"killed by {number.name}" if number else f"exit code {code}"
