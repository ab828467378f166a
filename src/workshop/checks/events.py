"""What happens during a run of checks, as objects, and as the lines in which a lane sends them."""

import dataclasses
import json
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Event:
    """part: the part of the lesson that the event belongs to; "" for events of the whole run."""

    part: str = ""


@dataclass(frozen=True, kw_only=True)
class Collected(Event):
    """The checks are known. steps and parts: in the order of the lesson."""

    steps: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class WorkerReady(Event):
    """The worker started in `seconds`."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class Began(Event):
    """A check has started. about: what it looks at."""

    about: str


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a check failed, in the learner's words.

    what: what was observed. why: the reason, and what to change. facts: label -> value. unexpected: the
    learner's code raised an exception that the check did not expect.
    """

    what: str
    why: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    unexpected: bool = False


@dataclass(frozen=True, kw_only=True)
class Checked(Event):
    """A check of `step` has passed, or failed for the reason `failure`.

    about: what it looks at. printed: the last lines that the learner's code printed.
    """

    step: str
    about: str
    failure: Explanation | None = None
    printed: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return self.failure is None


@dataclass(frozen=True, kw_only=True)
class Skipped(Event):
    """A check of `step` cannot run on this machine."""

    step: str
    about: str
    why: str


@dataclass(frozen=True, kw_only=True)
class PartDone(Event):
    """All checks of the part have run."""


@dataclass(frozen=True, kw_only=True)
class Broken(Event):
    """The process that runs the checks exited before it was done, or hangs."""

    cause: str


@dataclass(frozen=True, kw_only=True)
class Finished(Event):
    """All checks have run that were to run."""


_KINDS = {
    kind.__name__: kind
    for kind in (Collected, WorkerReady, Began, Checked, Skipped, PartDone, Broken, Finished)
}


def encode(event: Event) -> str:
    """The event as one line of JSON."""
    return json.dumps([type(event).__name__, dataclasses.asdict(event)])


def decode(line: str | bytes) -> Event:
    """The event of a line that `encode` wrote."""
    kind, content = json.loads(line)
    if content.get("failure"):
        content["failure"] = Explanation(**content["failure"])
    return _KINDS[kind](**content)
