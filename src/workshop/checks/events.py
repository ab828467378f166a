"""The events that occur during a run of checks, as objects and as lines of JSON."""

import dataclasses
import json
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event during a run of checks.

    Attributes:
        part: The part of the lesson that the event belongs to, or "" if it belongs to the whole run.
    """

    part: str = ""


@dataclass(frozen=True, kw_only=True)
class Collected(Event):
    """Pytest has collected the checks.

    Attributes:
        steps: The steps that have checks, in the order of the lesson.
        parts: The parts of the lesson, in order.
    """

    steps: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class WorkerReady(Event):
    """The worker is ready.

    Attributes:
        seconds: How long the worker took to start.
    """

    seconds: float


@dataclass(frozen=True, kw_only=True)
class CheckStarted(Event):
    """A check has started.

    Attributes:
        about: A description of the check.
    """

    about: str


@dataclass(frozen=True, kw_only=True)
class Failure:
    """The explanation that the learner reads after a check has failed.

    Attributes:
        what: What the check observed.
        why: The reason for the failure, and what to change.
        facts: The values to show to the learner, keyed by their labels.
        unexpected: Whether the learner's code raised an exception that the check did not expect.
    """

    what: str
    why: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    unexpected: bool = False


@dataclass(frozen=True, kw_only=True)
class Checked(Event):
    """A check has passed or failed.

    Attributes:
        step: The step that the check belongs to.
        about: A description of the check.
        failure: Why the check failed, or None if it passed.
        printed: The last lines that the learner's code printed.
    """

    step: str
    about: str
    failure: Failure | None = None
    printed: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether the check passed."""
        return self.failure is None


@dataclass(frozen=True, kw_only=True)
class Skipped(Event):
    """A check cannot run on this machine.

    Attributes:
        step: The step that the check belongs to.
        why: Why the check cannot run.
    """

    step: str
    why: str


@dataclass(frozen=True, kw_only=True)
class PartDone(Event):
    """All checks in a part of the lesson have run."""


@dataclass(frozen=True, kw_only=True)
class Broken(Event):
    """A process that runs checks has exited early or is hanging.

    Attributes:
        cause: The explanation that the learner reads.
    """

    cause: str


@dataclass(frozen=True, kw_only=True)
class Finished(Event):
    """The process or the run is done, and no more events will follow."""


_KINDS = {
    kind.__name__: kind
    for kind in (Collected, WorkerReady, CheckStarted, Checked, Skipped, PartDone, Broken, Finished)
}


def encode(event: Event) -> str:
    """Return the event as one line of JSON."""
    return json.dumps([type(event).__name__, dataclasses.asdict(event)])


def decode(line: str | bytes) -> Event:
    """Return the event that `encode` converted into `line`."""
    kind, content = json.loads(line)
    if content.get("failure"):
        content["failure"] = Failure(**content["failure"])
    return _KINDS[kind](**content)
