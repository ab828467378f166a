"""The options for a pytest process that runs checks. An environment variable passes the options to it."""

import dataclasses
import json
import os
from dataclasses import dataclass

VARIABLE = "WORKSHOP_CHECKS"


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options for a pytest process.

    Attributes:
        steps: The lesson's steps, in order.
        optional: The optional steps. A failure in one of these steps doesn't stop the run.
        only: The only step to check, or None to check all steps.
        first: The step to check first, or None to keep the order of the lesson.
        everything: Whether to continue after a failure.
        long_first: Whether to claim checks with the marker `long` before other checks.
        start_worker: Whether to start the worker immediately, before it is known whether the checks need it.
        claims: The folder in which the processes of a run record which checks they have claimed.
    """

    steps: list[str]
    optional: list[str]
    only: str | None
    first: str | None
    everything: bool
    long_first: bool
    start_worker: bool
    claims: str

    def environment(self) -> dict[str, str]:
        """Return the environment variable that passes the options to the process."""
        return {VARIABLE: json.dumps(dataclasses.asdict(self))}


def read() -> Options:
    """Return this process's options."""
    return Options(**json.loads(os.environ[VARIABLE]))
