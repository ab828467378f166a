"""A service that the supervisor runs, together with its process and its state."""

import contextlib
import os
import signal
import threading
import time
from collections import deque
from dataclasses import dataclass, field

import psutil

from workshop.runtime import service_state, startup_output
from workshop.runtime.procfile import Service
from workshop.runtime.service_state import ALIVE, State
from workshop.runtime.startup_output import Startup
from workshop.system import ports, signals


@dataclass
class ServiceProcess:
    """A service, its process, and its state. All times are values of `time.monotonic()`.

    Attributes:
        service: The service.
        colour: The color of the service's name in the terminal.
        startup: The filter for the service's output.
        state: The service's state. Call `enter` to change the state.
        pid: The service's process ID, or None if it has no process.
        thread: The thread that reads the output of the service's process.
        lines: The last lines of the output.
        problem: The reason why the service isn't running, which is printed only when it changes.
        restart: The reason why the service is restarting, which is printed once the service is ready.
        old_listener: The pid of the process that listened on the service's port before the restart.
        asked_at: The time when the service was told to start.
        ready_at: The time when the service became ready, or 0 after its startup output has been printed.
        kill_at: The time at which the service is killed if it hasn't stopped by then.
        last_line_at: The time when the service printed its most recent line.
    """

    service: Service
    colour: str
    startup: Startup
    state: State = State.NEW
    pid: int | None = None
    thread: threading.Thread | None = None
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=400))
    problem: str = ""
    restart: str = ""
    old_listener: int | None = None
    asked_at: float = 0
    ready_at: float = 0
    kill_at: float = 0
    last_line_at: float = 0

    @property
    def alive(self) -> bool:
        """Whether the service has a process."""
        return self.state in ALIVE

    def enter(self, state: State) -> None:
        """Change the state.

        Raises:
            ValueError: The service can't change from its current state to `state`.
        """
        self.state = service_state.check(self.state, state)

    def restarts_because(self, reason: str) -> None:
        """Set the reason for a restart. If a restart is already pending, `asked_at` doesn't change."""
        if not self.restart:
            self.asked_at = time.monotonic()
        self.restart = f"{self.service.name} {reason}"

    @property
    def has_thread(self) -> bool:
        """Whether a thread still reads the output of the service's process."""
        return self.thread is not None and self.thread.is_alive()

    @property
    def is_zombie(self) -> bool:
        """Whether the process is a zombie: it has exited, but its child processes still have the log open."""
        try:
            return self.pid is not None and psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    @property
    def is_quiet(self) -> bool:
        """Whether the process has become ready and has finished printing its startup output."""
        if not self.ready_at:
            return False
        quiet_at = max(self.last_line_at, self.ready_at) + startup_output.QUIET_SECONDS
        return time.monotonic() > min(quiet_at, self.ready_at + 4 * startup_output.QUIET_SECONDS)

    @property
    def is_served(self) -> bool:
        """Whether the service itself, not another process, accepts connections on its port."""
        port = self.service.port
        if not port or not self.pid or not ports.accepts_connections(port):
            return False
        return ports.listener(self.pid, port) not in (None, self.old_listener)

    def signal(self, number: int) -> None:
        """Send a signal. SIGTERM goes only to the main process: a pool process would drop its task."""
        if self.pid is None:
            return
        if number == signal.SIGTERM and self.service.is_simple:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
        else:
            signals.to_group(self.pid, number)
