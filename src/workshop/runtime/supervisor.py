"""Keep the processes of a project running, and say what happens to them.

honcho's own manager stops everything when one process exits. This one continues: it says which process
exited and why, and restarts that process when a file changes.
"""

import contextlib
import datetime
import os
import queue
import re
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import watchfiles
from honcho.colour import get_colours
from honcho.printer import Message, Printer
from honcho.process import Process

from workshop import paths
from workshop.errors import WorkshopError
from workshop.runtime import diagnosis, service_state, startup_output
from workshop.runtime.exit_reasons import ExitReasons
from workshop.runtime.procfile import Service
from workshop.runtime.service_state import ALIVE, SETTLED, STOPPED, State
from workshop.runtime.startup_output import Startup
from workshop.system import file_watcher, ports, signals

GRACE_SECONDS = 10
START_SECONDS = 60
RELOADS = re.compile(r"(?:\[[^]]*\] )?(.+) changed, reloading\.")
"""The message that Django's runserver logs before it restarts its server, with or without a timestamp."""


@dataclass
class Running:
    """A service and its state. `enter` changes the state.

    said: why the service isn't running, so that the reason is printed only once.
    news: why the service is restarting, which is printed when the service is ready.
    asked_at, ready_at: when the service was asked to start, and when it was ready, in monotonic seconds.
    listener: the process that listened on the service's port before.
    """

    service: Service
    colour: str
    startup: Startup = field(default_factory=lambda: Startup(lambda message: None))
    state: State = State.NEW
    pid: int | None = None
    thread: threading.Thread | None = None
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=400))
    said: str = ""
    news: str = ""
    listener: int | None = None
    asked_at: float = 0
    ready_at: float = 0
    kill_at: float = 0
    last_line_at: float = 0

    @property
    def alive(self) -> bool:
        return self.state in ALIVE

    def enter(self, state: State) -> None:
        """Change the state. Raises ValueError if `state` may not follow the current one."""
        self.state = service_state.check(self.state, state)


class Supervisor:
    """Runs services until `stop()`. Services with `once` run first, and the others start when those are done.

    printer: receives each line of the logs.
    say: receives sentences about what happens to the services.
    on_ready: called once, when every service is either ready or has failed to start.
    on_pids: called with a dictionary of names and pids whenever a process starts or exits.
    """

    def __init__(
        self,
        services: list[Service],
        folder: Path,
        printer: Printer,
        say: Callable[[str], None],
        on_ready: Callable[[], None] = lambda: None,
        on_pids: Callable[[dict[str, int]], None] = lambda pids: None,
        broker=None,
    ):
        self._colours = get_colours()
        self.running: dict[str, Running] = {}
        self.folder, self.printer, self.say, self.broker = folder, printer, say, broker
        self._on_ready, self._on_pids = on_ready, on_pids
        self._events: queue.SimpleQueue = queue.SimpleQueue()
        self._stop_asked = 0
        self._stopping = self._announced = self._broker_said = False
        self._reasons = ExitReasons(folder, broker)
        self._watching = threading.Event()
        for service in services:
            self._add(service)

    def stop(self, *_signal_and_frame) -> None:
        """Stop everything. A second call stops it immediately. Safe to call from a signal handler."""
        self._stop_asked += 1
        self._events.put(Message("stop asked", None, None, None, None))

    def switch_broker(self, on: bool) -> None:
        """Stop the broker, or restart it empty. Safe to call from a signal handler."""
        self._events.put(Message("broker", on, None, None, None))

    def run(self) -> None:
        """Start all services and keep them running.

        Returns after `stop()`, when all processes have exited.
        """
        watcher = threading.Thread(target=self._watch, daemon=True)
        watcher.start()
        try:
            deadline = time.monotonic() + START_SECONDS
            self._start_new(once=True)
            while not (self._stopping and not any(r.alive for r in self.running.values())):
                self._step(deadline)
        finally:
            self._watching.set()
            self._kill_all()

    def not_ready(self) -> list[str]:
        """Return the names of the services that are not ready."""
        return [name for name, r in self.running.items() if r.state not in (State.READY, State.DONE)]

    def add(self, service: Service) -> None:
        """Start another service."""
        self._start(self._add(service))

    def _start_new(self, once: bool) -> None:
        for running in list(self.running.values()):
            if running.state == State.NEW and running.service.once == once:
                self._start(running)

    def _add(self, service: Service) -> Running:
        running = self.running[service.name] = Running(
            service, next(self._colours), Startup(self.printer.write)
        )
        self.printer.width = max(self.printer.width, len(service.name))
        return running

    def _step(self, deadline: float) -> None:
        with contextlib.suppress(queue.Empty):
            message = self._events.get(timeout=0.2 if self._announced else 0.05)
            self._handle(message)
        if self._stop_asked:
            self._end_all()
        for running in self.running.values():
            self._look_at(running)
        if self.broker is not None and not self.broker.running and not self._broker_said:
            self._broker_said = True
            self.say(
                "broker ended. Nothing can be queued until it is running again. It starts again when you "
                "save a file."
            )
        if not self._stopping and all(r.state in SETTLED for r in self.running.values() if r.service.once):
            self._start_new(once=False)
        settled = all(r.state in SETTLED for r in self.running.values())
        if not self._announced and not self._stopping and (settled or time.monotonic() > deadline):
            self._announced = True
            self._on_ready()

    def _handle(self, message: Message) -> None:
        if message.type == "changed":
            self._changed(message.data)
        if message.type == "broker":
            self._switch_broker(message.data)
        running = self.running.get(message.name)
        if running is None:
            return
        if message.type == "start":
            running.pid = message.data["pid"]
            self._on_pids({name: r.pid for name, r in self.running.items() if r.pid})
            if running.state == State.STOPPING:
                _signal(running, signal.SIGTERM)
        elif message.type == "line":
            self._line(running, message)
        elif message.type == "stop":
            running.pid = None
            self._on_pids({name: r.pid for name, r in self.running.items() if r.pid})
            self._ended(running, message.data["returncode"])

    def _start(self, running: Running) -> None:
        service = running.service
        if service.restarts and (broken := diagnosis.unreadable(self.folder)):
            self._cannot(running, State.UNREADABLE, f"{broken[0]}. It starts once you have fixed the error.")
            return
        probe = None if running.state == State.PROBING else service.probe
        running.startup.hold()
        running.listener, running.ready_at = None, 0
        if not running.news:
            running.asked_at = time.monotonic()
        running.enter(State.PROBING if probe else State.STARTING)
        running.lines.clear()
        process = Process(
            probe or service.shell_command,
            name=service.name,
            colour=running.colour,
            env=service.environment,
            cwd=service.folder,
        )
        running.thread = threading.Thread(target=self._run, args=(process,), daemon=True)
        running.thread.start()

    def _run(self, process: Process) -> None:
        try:
            process.run(self._events)
        except OSError as error:
            now = datetime.datetime.now()
            for kind, data in ("line", str(error).encode()), ("stop", {"returncode": 1}):
                self._events.put(Message(kind, data, now, process.name, process.colour))

    def _line(self, running: Running, message: Message) -> None:
        text = message.data.decode("utf-8", "replace")
        running.lines.append(text)
        running.last_line_at = time.monotonic()
        if running.state == State.PROBING:
            return
        service = running.service
        if service.log is not None:
            with service.log.open("a", encoding="utf-8") as log:
                log.write(text)
        elif service.port and running.state != State.STOPPING and (reloads := RELOADS.match(text.strip())):
            self._reloads(running, Path(reloads[1]))
            return
        elif running.state != State.STOPPING or self._stopping or not startup_output.is_chatter(message):
            running.startup.line(message)
        if running.state in (State.STARTING, State.READY) and text.startswith(
            "Exception in thread django-main"
        ):
            running.enter(State.FAILING)
        speaks = service.port is None and not service.once
        if running.state == State.STARTING and speaks and (service.ready_line or "") in text:
            self._ready(running)

    def _ready(self, running: Running) -> None:
        running.enter(State.READY)
        running.said, running.ready_at = "", time.monotonic()

    def _reloads(self, running: Running, file: Path) -> None:
        """The service reloads on its own, and its server restarts in another process."""
        file = file.relative_to(self.folder) if file.is_relative_to(self.folder) else file
        if not running.news:
            running.news = f"{running.service.name} restarted: {file} changed"
            running.asked_at = time.monotonic()
        running.ready_at = 0
        running.listener = ports.listener(running.pid, running.service.port) if running.pid else None
        running.enter(State.STARTING)
        running.lines.clear()
        running.startup.hold()

    def _complete(self, running: Running) -> None:
        """The service has printed all the lines of its start."""
        took = f" · ready in {running.ready_at - running.asked_at:.1f} s"
        remark = running.startup.complete()
        if running.news:
            self.say(running.news + took + remark)
        running.news, running.ready_at = "", 0

    def _ended(self, running: Running, code: int) -> None:
        if self._stopping or (running.service.once and code == 0):
            running.enter(State.DONE)
        elif running.state == State.STOPPING or (running.state == State.PROBING and code == 0):
            self._start(running)
        elif running.state == State.PROBING:
            self._cannot(running, State.WAITING, self._reasons.waits(running.service, running.lines))
        else:
            running.said = ""
            self._cannot(running, State.CRASHED, self._reasons.exited(running.service, running.lines, code))

    def _cannot(self, running: Running, state: State, why: str) -> None:
        running.enter(state)
        running.news = ""
        running.startup.release(everything=state in (State.CRASHED, State.BROKEN))
        if why != running.said:
            running.said = why
            verb = {
                State.WAITING: " waits for",
                State.UNREADABLE: "cannot start:",
                State.BROKEN: "cannot load your code:",
            }
            self.say(" ".join(part for part in (running.service.name, verb.get(state), why) if part))

    def _changed(self, files: list[str]) -> None:
        if self._stopping:
            return
        if self.broker is not None and not self.broker.running and not self._reasons.broker_stopped:
            self._start_broker()
        if "Procfile" in files:
            self.say(
                "The Procfile has changed. To apply the changes, press Ctrl-C and run ./workshop up again."
            )
            files = [file for file in files if file != "Procfile"]
            if not files:
                return
        what = ", ".join(files[:3]) + (" and more" if len(files) > 3 else "")
        for running in self.running.values():
            if running.service.log is not None or running.state in (State.NEW, State.DONE):
                continue
            running.asked_at = running.asked_at if running.news else time.monotonic()
            if running.state == State.BROKEN:
                running.enter(State.STARTING)
                running.news = f"{running.service.name} started again: {what} changed"
            elif running.state in STOPPED:
                running.news = f"{running.service.name} started again: {what} changed"
                self._start(running)
            elif running.state != State.STOPPING and (
                running.service.restarts or set(files) & set(running.service.reads)
            ):
                running.news = f"{running.service.name} restarted: {what} changed"
                self._end(running)

    def _switch_broker(self, on: bool) -> None:
        if self.broker is None or self._stopping:
            return
        self._reasons.broker_stopped = self._broker_said = not on
        if not on:
            self.broker.stop()
            self.say("broker stopped. Its queues are gone. Start it again: ./workshop broker start")
        elif not self.broker.running:
            self._start_broker()
            for running in self.running.values():
                if running.state == State.CRASHED and running.service.log is None:
                    running.news = f"{running.service.name} started again: the broker is back"
                    running.asked_at = time.monotonic()
                    self._start(running)

    def _start_broker(self) -> None:
        try:
            self.broker.start()
        except WorkshopError as error:
            self.say(f"broker is still down: {error} It starts again when you save a file.")
            return
        self._broker_said = False
        self._on_pids({name: r.pid for name, r in self.running.items() if r.pid})
        self.say("broker started again, empty.")

    def _end(self, running: Running) -> None:
        running.enter(State.STOPPING)
        reachable = self.broker is None or self.broker.running
        # Without its broker, a worker never completes its warm shutdown.
        running.kill_at = time.monotonic() + (GRACE_SECONDS if reachable else 2)
        _signal(running, signal.SIGTERM)

    def _end_all(self) -> None:
        if not self._stopping:
            self._stopping = True
            for running in self.running.values():
                running.startup.release()
            self.say(
                "Stopping … (workers finish their tasks first; press Ctrl-C again to stop everything at once)"
            )
            for running in self.running.values():
                if running.alive and running.state != State.STOPPING:
                    self._end(running)
        if self._stop_asked > 1:
            for running in self.running.values():
                running.kill_at = 0

    def _kill_all(self) -> None:
        """Kill all processes, also those that are still starting: each thread has one or will have one."""
        deadline = time.monotonic() + GRACE_SECONDS
        for running in self.running.values():
            while running.thread and running.thread.is_alive() and time.monotonic() < deadline:
                self._learn_pids()
                _signal(running, signal.SIGKILL)
                running.thread.join(0.05)

    def _learn_pids(self) -> None:
        while not self._events.empty():
            message = self._events.get()
            if message.type == "start":
                self.running[message.name].pid = message.data["pid"]

    def _look_at(self, running: Running) -> None:
        now = time.monotonic()
        running.startup.look()
        if running.state == State.STARTING and _is_served(running):
            self._ready(running)
        elif running.state == State.READY and running.ready_at:
            # Nothing follows a ready line, but some lines may follow when a port is open.
            quiet = now - max(running.last_line_at, running.ready_at) > startup_output.QUIET_SECONDS
            if (
                running.service.ready_line
                or quiet
                or now - running.ready_at > 4 * startup_output.QUIET_SECONDS
            ):
                self._complete(running)
        elif running.state == State.FAILING and now - running.last_line_at > 0.3:
            why = self._reasons.broken(running.service, running.lines)
            self._cannot(running, State.BROKEN, why)
        elif running.state == State.STARTING and running.service.log and not running.said:
            if now - running.asked_at > START_SECONDS:
                running.said = (
                    f"{running.service.name} is still starting. For its progress, see "
                    f"{paths.shown(running.service.log)}."
                )
                self.say(running.said)
        elif running.state == State.STOPPING and now > running.kill_at:
            _signal(running, signal.SIGKILL)
        if running.pid and _is_zombie(running.pid):
            # Its children still hold the log open, and nothing else would stop them.
            _signal(running, signal.SIGKILL)

    def _watch(self) -> None:
        own = watchfiles.PythonFilter(ignore_paths=[self.folder / "data"], extra_extensions=("Procfile",))
        options = {"debounce": 400, "stop_event": self._watching, "raise_interrupt": False}
        for changes in file_watcher.changes(self.folder, self.say, watch_filter=own, **options):
            files = sorted({str(Path(path).relative_to(self.folder)) for _, path in changes})
            self._events.put(Message("changed", files, None, None, None))


def _signal(running: Running, number: int) -> None:
    """Send a signal. SIGTERM goes only to the main process, because a pool child would drop its task."""
    if running.pid is None:
        return
    if number == signal.SIGTERM and running.service.is_simple:
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.pid, number)
    else:
        signals.to_group(running.pid, number)


def _is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _is_served(running: Running) -> bool:
    """Return True if the service itself accepts connections on its port."""
    port = running.service.port
    if not port or not running.pid:
        return False
    with socket.socket() as client:
        client.settimeout(0.2)
        if client.connect_ex(("127.0.0.1", port)):
            return False
    return ports.listener(running.pid, port) not in (None, running.listener)
