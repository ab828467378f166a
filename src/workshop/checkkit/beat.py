"""Run a real beat process with the command from the project's Procfile, but with shorter intervals.

The `quick` scheduler is the learner's scheduler, except that every entry is due once a second. The tasks,
arguments and options stay as the learner wrote them.
"""

import os
import re
import tempfile
from pathlib import Path

from celery.utils.imports import load_extension_class_names, symbol_by_name

from workshop.checkkit import Complaint, procfile
from workshop.checkkit.process import Process
from workshop.checkkit.queues import Queue
from workshop.runtime.procfile import Service

SCHEDULER = "WORKSHOP_BEAT_SCHEDULER"
"""The environment variable that contains the name of the learner's scheduler."""
SENDING = "Sending due task"
"""The text that beat logs when it sends a task."""


def quick(app, **arguments):
    """Return the scheduler named in WORKSHOP_BEAT_SCHEDULER, but with every entry due once a second."""
    aliases = dict(load_extension_class_names("celery.beat_schedulers"))
    scheduler = symbol_by_name(os.environ[SCHEDULER], aliases=aliases)

    class Quick(scheduler):
        def merge_inplace(self, schedule):
            super().merge_inplace({name: {**entry, "schedule": 1} for name, entry in schedule.items()})

    Quick.__qualname__, Quick.__module__ = scheduler.__qualname__, scheduler.__module__
    return Quick(app, **arguments)


class Beat(Process):
    """A beat process for the project in `folder`."""

    def start(self, service: Service, app, queue: Queue, level: str = "INFO") -> None:
        """Start beat with the command from the Procfile, but don't wait for it to be ready.

        Args:
            service: The beat process that the Procfile defines.
            app: The project's Celery app.
            queue: The queue to which beat sends its messages.
            level: The log level, or "" to keep the level that the command sets.
        """
        scheduler = service.option("-S", "--scheduler") or app.conf.beat_scheduler
        file = Path(tempfile.mkdtemp(prefix="beat-", dir=os.environ["DATA_DIR"])) / "schedule"
        options = f" --scheduler {__name__}:quick --schedule {file} --max-interval 1"
        options += f" --loglevel {level}" if level else ""
        environment = os.environ | queue.environment | {SCHEDULER: str(scheduler)}
        self.launch(service.shell_command + options, environment)

    def sending_error(self, entry: str) -> str:
        """Return the log line that says why beat could not send `entry`, or "" if there is no such line."""
        match = re.search(rf"Couldn't apply scheduled task {re.escape(entry)}: .*", self.log)
        return match[0] if match else ""


def find_service(folder: Path) -> Service:
    """Return the beat process that is defined in the Procfile of the project in `folder`.

    Raises:
        Complaint: The Procfile doesn't start exactly one beat process, or beat runs detached or inside a
            worker.
    """
    services = procfile.read(folder)
    workers = procfile.workers(services)
    inside = [worker for worker in workers if {"-B", "--beat"} & set(worker.words)]
    beats = [service for service in services.values() if "beat" in service.words]
    facts = {"file": procfile.FILE}
    if inside:
        raise Complaint(
            "a worker runs its own beat (-B).",
            "-B is meant for experiments with a single worker. If you start a second worker with -B, every "
            "task is sent twice. The number of workers must not determine how often a task is sent.",
            line=procfile.shown(inside[0]),
            **facts,
        )
    if not beats:
        raise Complaint(
            "the Procfile doesn't start beat.",
            "The schedule is only a list. A separate beat process has to watch the clock and send the tasks "
            "that are due.",
            expected="beat: celery -A myproject beat …",
            found="\n".join(map(procfile.shown, services.values())) or "no process",
            **facts,
        )
    if len(beats) > 1:
        raise Complaint(
            "the Procfile starts more than one beat process.",
            "Each beat process sends every task that is due, so all tasks run more than once.",
            lines="\n".join(map(procfile.shown, beats)),
            **facts,
        )
    if {"--detach", "-D"} & set(beats[0].words):
        raise Complaint(
            "the Procfile starts beat with --detach.",
            "A detached beat process is not a child of the process that reads the Procfile, so it is never "
            "stopped, and the next start adds a second beat process.",
            line=procfile.shown(beats[0]),
            **facts,
        )
    return beats[0]


def schedule_file(beat: Service, app) -> str:
    """Return the name of the file in which `beat` records when it last sent each task."""
    return beat.option("-s", "--schedule") or app.conf.beat_schedule_filename
