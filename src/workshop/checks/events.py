"""What happens during a run of checks, as objects, and as lines of JSON."""

import dataclasses
import json
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Event:
    """What happened during a run.

    Attributes:
        part: The part of the lesson that the event belongs to; "" for events of the whole run.
    """

    part: str = ""


@dataclass(frozen=True, kw_only=True)
class Collected(Event):
    """The checks are known.

    Attributes:
        steps: The steps that have checks, in the order of the lesson.
        parts: The parts, in the order of the lesson.
    """

    steps: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class WorkerReady(Event):
    """The worker is ready.

    Attributes:
        seconds: How long its start took.
    """

    seconds: float


@dataclass(frozen=True, kw_only=True)
class CheckStarted(Event):
    """A check has started.

    Attributes:
        about: What it checks.
    """

    about: str


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a check failed, as the learner reads it.

    Attributes:
        what: What was observed.
        why: The reason, and what to change.
        facts: Label -> value.
        unexpected: Whether the learner's code raised an exception that the check did not expect.
    """

    what: str
    why: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    unexpected: bool = False


@dataclass(frozen=True, kw_only=True)
class Checked(Event):
    """A check has passed, or failed.

    Attributes:
        step: The step that the check belongs to.
        about: What it checks.
        failure: Why it failed; None if it has passed.
        printed: The last lines that the learner's code printed.
    """

    step: str
    about: str
    failure: Failure | None = None
    printed: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """True if the check has passed."""
        return self.failure is None


@dataclass(frozen=True, kw_only=True)
class Skipped(Event):
    """A check cannot run on this machine.

    Attributes:
        step: The step that the check belongs to.
        why: The reason.
    """

    step: str
    why: str


@dataclass(frozen=True, kw_only=True)
class PartDone(Event):
    """All checks of the part have run."""


@dataclass(frozen=True, kw_only=True)
class Broken(Event):
    """The process that runs the checks exited before it was done, or hangs.

    Attributes:
        cause: Why it exited, as the learner reads it.
    """

    cause: str


@dataclass(frozen=True, kw_only=True)
class Finished(Event):
    """All checks that were to run have run."""


_KINDS = {
    kind.__name__: kind
    for kind in (Collected, WorkerReady, CheckStarted, Checked, Skipped, PartDone, Broken, Finished)
}


def encode(event: Event) -> str:
    """Return the event as one line of JSON."""
    return json.dumps([type(event).__name__, dataclasses.asdict(event)])


def decode(line: str | bytes) -> Event:
    """Return the event of a line that `encode` wrote."""
    kind, content = json.loads(line)
    if content.get("failure"):
        content["failure"] = Failure(**content["failure"])
    return _KINDS[kind](**content)
