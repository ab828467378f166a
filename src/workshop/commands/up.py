"""`./workshop up`: run a lesson's broker, migrations and processes, and print the addresses."""

import contextlib
import os
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from honcho.printer import Printer
from rich.markup import escape

from workshop import paths
from workshop.commands import broker_switch, status
from workshop.console import say
from workshop.course import lessons, playground, project_database
from workshop.course.project import DEFAULT_REDIS_URL, Project
from workshop.errors import WorkshopError
from workshop.notebooks import server
from workshop.runtime import clones, flower, up_state
from workshop.runtime.broker import Broker, use_external, version_of, without_password
from workshop.runtime.procfile import Service, from_procfile
from workshop.runtime.supervisor import Supervisor
from workshop.system import signals
from workshop.system.environment import KEEP, inherited, kept
from workshop.system.ports import ENDED, LAST, claim, claim_next, claimant, next_free, taken_by, who_holds

DOCS_PORT = 8001
REMARKS = 48
"""The column at which the remarks in the table start."""


def up(project: Project, port: int = 8000) -> int:
    """Run the project until Ctrl-C, SIGTERM or SIGHUP is received, then stop every process. Returns 0.

    Raises:
        WorkshopError: Another `up` is running, the port is taken, or the broker at REDIS_URL doesn't respond.
    """
    started = time.monotonic()
    with up_state.only_one(), contextlib.ExitStack() as stack:
        if not claim(port):
            holder = who_holds(port) or claimant(port)
            raise WorkshopError(
                f"Port {port} is taken by {holder or ENDED}.\n"
                f"{clones.how_to_stop(holder.pid if holder else None)}, or choose another port: "
                f"./workshop up --port {next_free(port + 10)}"
            )
        if project.is_learners:
            playground.add_script(project.folder)  # an older version of the workshop didn't create it
        session = _Session(project, port, started)
        stack.enter_context(signals.handled(session.stop))
        stack.enter_context(signals.handled(session.switch_broker, broker_switch.SIGNALS))
        session.connect(stack)
        session.prepare()
        session.supervisor.run()
    say("Stopped. Nothing is left running.")
    return 0


def docs_site(port: int = DOCS_PORT) -> Service | None:
    """Return the service for the docs site on 127.0.0.1, or None if there is no mkdocs.yml.

    If the port is taken, print a message and return None.
    """
    if not (paths.ROOT / "mkdocs.yml").is_file():
        return None
    if not claim(port):
        other = f"./workshop docs --port {next_free(port + 1)}"
        say(
            f"The docs site was not started, because port {port} is taken by {taken_by(port)}. To "
            f"start the docs in another terminal, type: {other}"
        )
        return None
    return Service(
        name="docs",
        command=f"{shlex.quote(sys.executable)} -m workshop docs --port {port}",
        folder=paths.ROOT,
        environment=inherited() | {"PYTHONPATH": str(paths.SOURCES), "PYTHONUNBUFFERED": "1"},
        port=port,
        log=paths.STATE / "docs.log",
    )


class _Session:
    """The state of one run of `up`."""

    def __init__(self, project: Project, port: int, started: float):
        self.project, self.port, self.started = project, port, started
        self.kept = kept()
        self.broker: Broker | None = None
        self.redis_url = ""
        self.late_services: list[Service] = []
        self.supervisor: Supervisor | None = None
        self.stop_asked = False

    def connect(self, stack: contextlib.ExitStack) -> None:
        """Start a broker, or use the broker at REDIS_URL."""
        if external := self.kept.get("REDIS_URL"):
            self.redis_url = use_external(external)
        else:
            wanted = _broker_port()
            self.broker = stack.enter_context(Broker(prefer=wanted))
            self.redis_url = self.broker.url
            if self.broker.port != wanted and os.environ.get("WORKSHOP_BROKER_PORT"):
                say(
                    f"Port {wanted} (WORKSHOP_BROKER_PORT) is taken by {taken_by(wanted)}. The broker uses "
                    f"port {self.broker.port} instead."
                )
        self.write_state({})

    def prepare(self) -> None:
        """Create the supervisor with the project's services.

        The docs site and the notebooks start only after these services are ready.
        """
        if docs := docs_site():
            self.late_services.append(docs)
        if paths.NOTEBOOKS.is_dir():
            self.late_services.append(server.jupyter(claim_next(server.PORT)))
        environment = self.project.environment(redis_url=self.redis_url, port=self.port)
        environment |= flower.environment()
        services = from_procfile(self.project, environment, self.port)
        if self.kept.get("DATABASE_URL") or project_database.pending_migrations(self.project):
            command = "python manage.py migrate --no-input"
            services.append(Service("migrate", command, self.project.folder, environment, once=True))
        self.supervisor = Supervisor(
            services,
            self.project.folder,
            Printer(sys.stdout, time_format="", colour="NO_COLOR" not in os.environ),
            say=say,
            on_ready=self.ready,
            on_pids=self.write_state,
            broker=self.broker,
        )
        if self.stop_asked:
            self.supervisor.stop()

    def stop(self, *_signal_and_frame) -> None:
        self.stop_asked = True
        if self.supervisor is not None:
            self.supervisor.stop()

    def switch_broker(self, number: int, _frame: object) -> None:
        if self.supervisor is not None:
            self.supervisor.switch_broker(on=number == broker_switch.START)

    def ready(self) -> None:
        for line in ["", *self.table(), ""]:
            say(line, markup=True, hang=REMARKS)
        for service in self.late_services:
            Path(service.log).unlink(missing_ok=True)
            self.supervisor.add(service)

    def write_state(self, pids: dict[str, int]) -> None:
        if self.broker is not None and self.broker.pid:
            pids = {"broker": self.broker.pid, **pids}
        up_state.write(
            {
                **(up_state.identify(os.getpid()) or {"pid": os.getpid()}),
                "project": self.project.shown,
                "folder": str(self.project.folder),
                "data": str(self.project.data),
                "addresses": self.addresses(),
                "own_broker": self.broker is not None,
                "broker_folder": str(self.broker.folder) if self.broker else None,
                "processes": {
                    name: identity for name, pid in pids.items() if (identity := up_state.identify(pid))
                },
            }
        )

    def addresses(self) -> dict[str, str]:
        addresses = {"site": f"http://localhost:{self.port}", "broker": without_password(self.redis_url)}
        running = self.supervisor.running if self.supervisor else {}
        if "flower" in running:
            addresses["flower"] = f"http://localhost:{running['flower'].service.port}"
        if "docs" in running and running["docs"].alive:
            addresses["docs"] = f"http://localhost:{running['docs'].service.port}"
        return addresses

    def table(self) -> Iterator[str]:
        lesson, project = self.project.lesson, self.project
        total = len(lessons.all_lessons())
        late = self.supervisor.not_ready()
        took = f"ready in {time.monotonic() - self.started:.1f} s"
        state = f"[yellow]not running: {', '.join(late)}[/]" if late else took
        yield f"[bold]{escape(f'Workshop · lesson {lesson.code} of {total}: {lesson.title}')}[/]"
        yield f"{lesson.duration} · {state}"
        yield ""
        remarks = ["edit here"] if project.is_learners else []
        if "worker" in self.supervisor.running:
            remarks.append("the worker restarts when you save")
        yield _row("your copy" if project.is_learners else "project", project.shown, "; ".join(remarks))
        addresses = self.addresses()
        yield _row("site", addresses["site"], project_database.photo_counts(project))
        if "flower" in addresses:
            user = f"user {flower.USER}, password {flower.password()}"
            yield _row("flower", addresses["flower"], user)
        for service in self.late_services:
            yield _row(service.name, self.page(service))
        yield from self.servers()
        if self.broker and self.redis_url != DEFAULT_REDIS_URL and "worker" in self.supervisor.running:
            yield _row("by hand", f"export REDIS_URL={self.redis_url}", "first, in another terminal")
        for service, mode in project.failing_services.items():
            yield _row("practice", f"{service}: {mode}", f"reset it: python manage.py {service} ok")
        yield ""
        if project.is_learners:
            yield f"  next: {escape(status.next_action(lesson))}"
        yield "  stop: Ctrl-C"

    def servers(self) -> Iterator[str]:
        """Yield a row for the broker and for each server in WORKSHOP_KEEP. Passwords are hidden."""
        kind = (
            f"embedded (valkey {version_of(self.redis_url)}), this machine only"
            if self.broker
            else "yours (REDIS_URL)"
        )
        redis = (self.redis_url, kind)
        yours = {name: (value, f"yours ({name})") for name, value in self.kept.items() if value}
        rows = {"broker": yours.get("CELERY_BROKER_URL", redis)}
        if "CELERY_BROKER_URL" in yours or "CELERY_RESULT_BACKEND" in yours:
            rows["results"] = yours.get("CELERY_RESULT_BACKEND", redis)
        if "DATABASE_URL" in yours:
            rows["database"] = yours["DATABASE_URL"]
        for title, (address, whose) in rows.items():
            yield _row(title, without_password(address) if "://" in address else address, whose)
        if wanted := self.kept.get(KEEP):
            yield _row("kept", wanted, f"from your shell ({KEEP})")

    def page(self, service: Service) -> str:
        """Return the address of the lesson's page in the docs, or of the lesson's notebook."""
        if service.name == "notebook":
            return server.address_of(self.project.lesson, service.port)
        return f"http://localhost:{service.port}/lessons/{self.project.lesson.name}/"


def _row(name: str, value: str, remark: str = "") -> str:
    row = f"  {name:<11} [cyan]{escape(value):<{32 if remark else 0}}[/]"
    return f"{row}  [dim]{escape(remark)}[/]" if remark else row


def _broker_port() -> int:
    # Two clones that run at the same time need different ports.
    port = os.environ.get("WORKSHOP_BROKER_PORT") or "6379"
    if not (port.isdecimal() and 1 <= int(port) <= LAST):
        raise WorkshopError(
            f"WORKSHOP_BROKER_PORT is {port}, but it must be a number from 1 to {LAST}. Change the value, "
            "or type: unset WORKSHOP_BROKER_PORT"
        )
    return int(port)
