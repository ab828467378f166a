"""The options for a pytest process that runs checks. An environment variable contains them."""

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
        optional: The optional steps, whose failure does not stop the run.
        only: A single step to check, or None.
        first: The step to check first, or None.
        everything: Whether to continue after a failure.
        long_first: Whether to claim the checks marked as `long` first.
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
    """Return the options of this process."""
    return Options(**json.loads(os.environ[VARIABLE]))
