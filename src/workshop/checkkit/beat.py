"""Run a real beat process from the project's Procfile, with shortened intervals.

The scheduler `quick` is the learner's scheduler, but every entry is due after a second. The tasks, arguments
and options stay as the learner wrote them.
"""

import os
import re
import tempfile
from pathlib import Path

from celery.utils.imports import load_extension_class_names, symbol_by_name

from workshop.runtime.procfile import Service as Line

from . import STARTING, Complaint, procfile, until
from .queues import Queue
from .worker import Process

SCHEDULER = "WORKSHOP_BEAT_SCHEDULER"
SENDING = "Sending due task"


def quick(app, **arguments):
    """Create the scheduler that WORKSHOP_BEAT_SCHEDULER names, with every entry due after a second."""
    aliases = dict(load_extension_class_names("celery.beat_schedulers"))
    own = symbol_by_name(os.environ[SCHEDULER], aliases=aliases)

    class Quick(own):
        def merge_inplace(self, schedule):
            super().merge_inplace({name: {**entry, "schedule": 1} for name, entry in schedule.items()})

    Quick.__qualname__, Quick.__module__ = own.__qualname__, own.__module__
    return Quick(app, **arguments)


class Beat(Process):
    """A beat process of the project in `folder`."""

    def start(self, line: Line, app, queue: Queue, level: str = "INFO") -> None:
        """Start beat as the Procfile's `line` says, but without waiting until it is ready.

        queue: where it sends its messages. app: the app with the settings. level: the log level; "" keeps the
        line's.
        """
        scheduler = _option(procfile.words(line), "-S", "--scheduler") or app.conf.beat_scheduler
        environment = os.environ | queue.environment | {SCHEDULER: str(scheduler)}
        file = Path(tempfile.mkdtemp(prefix="beat-", dir=os.environ["DATA_DIR"])) / "schedule"
        extra = f" --scheduler {__name__}:quick --schedule {file} --max-interval 1"
        extra += f" --loglevel {level}" if level else ""
        self.launch(line.shell_command + extra, environment)

    def wait(self, text: str, seconds: float = STARTING) -> bool:
        """Wait until the log contains `text`. Returns False if beat has exited or after `seconds`."""
        until(lambda: text in self.log or not self.running, seconds)
        return text in self.log

    def refusal(self, entry: str) -> str:
        """Return the line of the log that says why beat could not send `entry`, or ""."""
        found = re.search(rf"Couldn't apply scheduled task {re.escape(entry)}: .*", self.log)
        return found[0] if found else ""

    def end(self) -> None:
        """Send SIGTERM to beat, and wait until it has exited."""
        self._process.terminate()
        until(lambda: not self.running)


def line(folder: Path) -> Line:
    """Return the Procfile's line that starts beat. Complains about no beat, two, or one inside a worker."""
    lines = procfile.read(folder)
    inside = [each for each in procfile.workers(lines) if _embeds(each)]
    beats = [each for each in lines.values() if "beat" in procfile.words(each)]
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
            found=", ".join(lines) or "no process",
            **facts,
        )
    if len(beats) > 1:
        raise Complaint(
            "the Procfile starts more than one beat process.",
            "Each beat process sends every task that is due, so all tasks run more than once.",
            lines="\n".join(map(procfile.shown, beats)),
            **facts,
        )
    if {"--detach", "-D"} & set(procfile.words(beats[0])):
        raise Complaint(
            "the Procfile starts beat with --detach.",
            "A detached beat is not a child of the process that reads the Procfile, so it is never stopped, "
            "and the next start adds a second beat.",
            line=procfile.shown(beats[0]),
            **facts,
        )
    return beats[0]


def schedule_file(beat: Line, app) -> str:
    """Return the name of the file in which this beat process stores what it has sent and when."""
    return _option(procfile.words(beat), "-s", "--schedule") or app.conf.beat_schedule_filename


def _embeds(worker: Line) -> bool:
    words = procfile.words(worker)
    return bool({"-B", "--beat"} & set(words))


def _option(words: list[str], *names: str) -> str | None:
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in names:
            return following
        for name in names:
            if name.startswith("--") and word.startswith(f"{name}="):
                return word.partition("=")[2]
    return None
