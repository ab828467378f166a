"""Keep the processes of a project running, and report what happens to them.

honcho's own manager stops everything when one process exits. This supervisor keeps the other processes
running, reports which process exited and why, and restarts that process when a file changes.
"""

import contextlib
import datetime
import queue
import re
import signal
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from honcho.colour import get_colours
from honcho.printer import Message, Printer
from honcho.process import Process

from workshop import paths
from workshop.console import sentence
from workshop.errors import WorkshopError
from workshop.runtime import diagnosis, startup_output
from workshop.runtime.broker import Broker
from workshop.runtime.exit_reasons import ExitReasons
from workshop.runtime.procfile import Service
from workshop.runtime.service_process import ServiceProcess
from workshop.runtime.service_state import SETTLED, STOPPED, State
from workshop.runtime.startup_output import Startup
from workshop.system import file_watcher, ports
from workshop.system.waiting import until

GRACE_SECONDS = 10
START_SECONDS = 60
RELOADS = re.compile(r"(?:\[[^]]*\] )?(.+) changed, reloading\.")
"""Matches the message, with or without a timestamp, that Django's runserver logs before it restarts."""
_VERBS = {
    State.WAITING: " waits for ",
    State.UNREADABLE: "cannot start: ",
    State.BROKEN: "cannot load your code: ",
}
"""For each state, the words that are printed between a service's name and the reason.

For CRASHED, the reason itself contains the verb.
"""


class Supervisor:
    """Runs services until `stop()` is called. The services with `once` run before all others.

    Args:
        services: The services to run.
        folder: The project's folder. A change in this folder restarts services.
        printer: The printer for the output of the services.
        say: A function that is called with each message about what happens to the services.
        on_ready: A function that is called once, when every service is ready or has failed to start.
        on_pids: A function that is called whenever a process starts or exits. The argument is a dictionary
            that maps the names of services to process IDs.
        broker: The workshop's own broker, or None if the project uses another broker.

    Attributes:
        running: The services, by name.
        settled: An event that is set when every service is ready or has failed to start.
        exited: An event that is set when `run()` has finished.
    """

    def __init__(
        self,
        services: list[Service],
        folder: Path,
        printer: Printer,
        say: Callable[[str], None],
        on_ready: Callable[[], None] = lambda: None,
        on_pids: Callable[[dict[str, int]], None] = lambda pids: None,
        broker: Broker | None = None,
    ):
        self.running: dict[str, ServiceProcess] = {}
        self.settled, self.exited = threading.Event(), threading.Event()
        self.folder, self.printer, self.say, self.broker = folder, printer, say, broker
        self._on_ready, self._on_pids = on_ready, on_pids
        self._colours = get_colours()
        self._events: queue.SimpleQueue[Message | Callable[[], None]] = queue.SimpleQueue()
        self._stop_requests = 0
        self._stopping = self._broker_reported = False
        self._reasons = ExitReasons(folder, broker)
        self._stop_watching = threading.Event()
        for service in services:
            self._add(service)

    def stop(self, *_signal_and_frame) -> None:
        """Stop all services, or kill them on the second call. You can call this in a signal handler."""
        self._stop_requests += 1
        self._events.put(lambda: None)  # ends the wait for an event

    def switch_broker(self, on: bool) -> None:
        """Start an empty broker if `on` is True, otherwise stop the broker.

        You can call this method in a signal handler.
        """
        self._events.put(partial(self._switch_broker, on))

    def run(self) -> None:
        """Start all services and keep them running. Return when all services have exited after `stop()`."""
        with contextlib.ExitStack() as stack:  # calls the callbacks in reverse order, even if one fails
            stack.callback(self.exited.set)
            stack.callback(self.settled.set)
            stack.callback(self._kill_all)
            stack.callback(self._stop_watching.set)
            threading.Thread(target=self._watch, daemon=True).start()
            deadline = time.monotonic() + START_SECONDS
            self._start_new(once=True)
            while not self._stopping or any(running.alive for running in self.running.values()):
                self._step(deadline)

    def run_in_thread(self) -> None:
        """Start `run()` in a thread, and return without waiting for `settled`."""
        threading.Thread(target=self.run, daemon=True).start()

    def not_ready(self) -> list[str]:
        """Return the names of the services that are not ready."""
        ready = (State.READY, State.DONE)
        return [name for name, running in self.running.items() if running.state not in ready]

    def add(self, service: Service) -> None:
        """Add a service and start it."""
        self._start(self._add(service))

    def _start_new(self, once: bool) -> None:
        for running in list(self.running.values()):
            if running.state == State.NEW and running.service.once == once:
                self._start(running)

    def _add(self, service: Service) -> ServiceProcess:
        running = ServiceProcess(service, next(self._colours), Startup(self.printer.write))
        self.running[service.name] = running
        self.printer.width = max(self.printer.width, len(service.name))
        return running

    def _step(self, deadline: float) -> None:
        with contextlib.suppress(queue.Empty):
            event = self._events.get(timeout=0.2 if self.settled.is_set() else 0.05)
            if isinstance(event, Message):
                self._handle_message(self.running[event.name], event)
            else:
                event()
        if self._stop_requests:
            self._stop_all()
        for running in self.running.values():
            self._update(running)
        if self.broker is not None and not self.broker.running and not self._broker_reported:
            self._broker_reported = True
            self.say(
                "broker ended. No tasks can be queued until the broker is running again. The broker starts "
                "again when you save a file."
            )
        if self._stopping:
            return
        if self._are_settled(running for running in self.running.values() if running.service.once):
            self._start_new(once=False)
        is_settled = self._are_settled(self.running.values()) or time.monotonic() > deadline
        if is_settled and not self.settled.is_set():
            self.settled.set()
            self._on_ready()

    @staticmethod
    def _are_settled(services: Iterable[ServiceProcess]) -> bool:
        return all(running.state in SETTLED for running in services)

    def _handle_message(self, running: ServiceProcess, message: Message) -> None:
        if message.type == "start":
            running.pid = message.data["pid"]
            self._report_pids()
            if running.state == State.STOPPING:
                running.signal(signal.SIGTERM)
        elif message.type == "line":
            self._handle_line(running, message)
        elif message.type == "stop":
            running.pid = None
            self._report_pids()
            self._handle_exit(running, message.data["returncode"])

    def _report_pids(self) -> None:
        self._on_pids({name: running.pid for name, running in self.running.items() if running.pid})

    def _start(self, running: ServiceProcess) -> None:
        service = running.service
        if service.restarts and (broken := diagnosis.unreadable(self.folder)):
            self._report_problem(
                running,
                State.UNREADABLE,
                f"{sentence(broken[0])} The service starts once you have fixed the error.",
            )
            return
        probe = None if running.state == State.PROBING else service.probe
        running.startup.hold()
        running.old_listener, running.ready_at = None, 0
        if not running.restart:
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
        running.thread = threading.Thread(target=self._run_process, args=(process,), daemon=True)
        running.thread.start()

    def _run_process(self, process: Process) -> None:
        try:
            process.run(self._events)
        except OSError as error:
            now = datetime.datetime.now()
            for kind, data in ("line", str(error).encode()), ("stop", {"returncode": 1}):
                self._events.put(Message(kind, data, now, process.name, process.colour))

    def _handle_line(self, running: ServiceProcess, message: Message) -> None:
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
            self._handle_reload(running, Path(reloads[1]))
            return
        elif running.state != State.STOPPING or self._stopping or not startup_output.is_chatter(message):
            running.startup.line(message)
        if running.state in (State.STARTING, State.READY) and text.startswith(
            "Exception in thread django-main"
        ):
            running.enter(State.FAILING)
        if running.state != State.STARTING or service.port or service.once:
            return
        if not service.ready_line:
            running.ready_at = running.ready_at or time.monotonic()  # unless it exits soon: see `_update`
        elif service.ready_line in text:
            self._mark_ready(running)

    def _mark_ready(self, running: ServiceProcess) -> None:
        running.enter(State.READY)
        running.problem, running.ready_at = "", running.ready_at or time.monotonic()

    def _handle_reload(self, running: ServiceProcess, file: Path) -> None:
        """Record that the service is reloading on its own, by restarting its server in another process."""
        file = file.relative_to(self.folder) if file.is_relative_to(self.folder) else file
        if not running.restart:
            running.restarts_because(f"restarted: {file} changed")
        running.ready_at = 0
        running.old_listener = ports.listener(running.pid, running.service.port) if running.pid else None
        running.enter(State.STARTING)
        running.lines.clear()
        running.startup.hold()

    def _report_ready(self, running: ServiceProcess) -> None:
        """Report that the service has started. Call this method after its startup output has been printed."""
        took = f" · ready in {running.ready_at - running.asked_at:.1f} s"
        remark = running.startup.complete()
        if running.restart:
            self.say(running.restart + took + remark)
        running.restart, running.ready_at = "", 0

    def _handle_exit(self, running: ServiceProcess, code: int) -> None:
        if self._stopping or (running.service.once and code == 0):
            running.enter(State.DONE)
        elif running.state == State.STOPPING or (running.state == State.PROBING and code == 0):
            self._start(running)
        elif running.state == State.PROBING:
            self._report_problem(running, State.WAITING, self._reasons.waits(running.service, running.lines))
        else:
            running.problem = ""
            self._report_problem(
                running, State.CRASHED, self._reasons.exited(running.service, running.lines, code)
            )

    def _report_problem(self, running: ServiceProcess, state: State, why: str) -> None:
        running.enter(state)
        running.restart = ""
        running.startup.release(everything=state in (State.CRASHED, State.BROKEN))
        if why != running.problem:
            running.problem = why
            self.say(f"{running.service.name} {_VERBS.get(state, '')}{why}")

    def _handle_changes(self, files: list[str]) -> None:
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
            if running.service.log is not None or running.state in (State.NEW, State.DONE, State.STOPPING):
                continue
            if running.state == State.BROKEN:
                running.restarts_because(f"started again: {what} changed")
                running.enter(State.STARTING)
            elif running.state in STOPPED:
                running.restarts_because(f"started again: {what} changed")
                self._start(running)
            elif running.service.restarts or set(files) & set(running.service.reads):
                running.restarts_because(f"restarted: {what} changed")
                self._ask_to_stop(running)

    def _switch_broker(self, on: bool) -> None:
        if self.broker is None or self._stopping:
            return
        self._reasons.broker_stopped = self._broker_reported = not on
        if not on:
            self.broker.stop()
            self.say("broker stopped. Its queues are gone. Start the broker again: ./workshop broker start")
        elif not self.broker.running:
            self._start_broker()
            for running in self.running.values():
                if running.state == State.CRASHED and running.service.log is None:
                    running.restarts_because("started again: the broker is back")
                    self._start(running)

    def _start_broker(self) -> None:
        try:
            self.broker.start()
        except WorkshopError as error:
            self.say(f"broker is still down: {error} The broker starts again when you save a file.")
            return
        self._broker_reported = False
        self._report_pids()
        self.say("broker started again. Its queues are empty.")

    def _ask_to_stop(self, running: ServiceProcess) -> None:
        running.enter(State.STOPPING)
        # A worker never completes its warm shutdown while the broker is down.
        broker_responds = self.broker is None or self.broker.running
        running.kill_at = time.monotonic() + (GRACE_SECONDS if broker_responds else 2)
        running.signal(signal.SIGTERM)

    def _stop_all(self) -> None:
        if not self._stopping:
            self._stopping = True
            for running in self.running.values():
                running.startup.release()
            self.say(
                "Stopping … (workers finish their tasks first; press Ctrl-C again to stop everything at once)"
            )
            for running in self.running.values():
                if running.alive and running.state != State.STOPPING:
                    self._ask_to_stop(running)
        if self._stop_requests > 1:
            for running in self.running.values():
                running.kill_at = 0

    def _kill_all(self) -> None:
        """Kill all processes, including those that are still starting.

        Every live thread has a process or will start a process.
        """

        def are_killed() -> bool:
            while not self._events.empty():
                event = self._events.get()
                if isinstance(event, Message) and event.type == "start":
                    self.running[event.name].pid = event.data["pid"]
            services = [running for running in self.running.values() if running.has_thread]
            for running in services:
                running.signal(signal.SIGKILL)
            return not services

        until(are_killed, GRACE_SECONDS)

    def _update(self, running: ServiceProcess) -> None:
        now = time.monotonic()
        running.startup.release_if_overdue()
        if running.state == State.STARTING and (running.is_served or running.is_quiet):
            self._mark_ready(running)
        elif running.state == State.READY and running.ready_at:
            # A service prints nothing after its ready line, but it may print more after opening its port.
            if running.service.ready_line or running.is_quiet:
                self._report_ready(running)
        elif running.state == State.FAILING and now - running.last_line_at > 0.3:
            self._report_problem(running, State.BROKEN, self._reasons.broken(running.service, running.lines))
        elif running.state == State.STARTING and running.service.log and not running.problem:
            if now - running.asked_at > START_SECONDS:
                log = paths.shown(running.service.log)
                running.problem = f"{running.service.name} is still starting. For its progress, see {log}."
                self.say(running.problem)
        elif running.state == State.STOPPING and now > running.kill_at:
            running.signal(signal.SIGKILL)
        if running.is_zombie:
            # The children of this process still have the log open, and nothing else would stop them.
            running.signal(signal.SIGKILL)

    def _watch(self) -> None:
        own = file_watcher.CodeFilter(self.folder)
        options = {"debounce": 400, "stop_event": self._stop_watching, "raise_interrupt": False}
        for changes in file_watcher.changes(self.folder, self.say, watch_filter=own, **options):
            files = sorted({str(Path(path).relative_to(self.folder)) for _, path in changes})
            self._events.put(partial(self._handle_changes, files))
