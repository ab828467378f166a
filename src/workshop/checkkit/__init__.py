"""The toolkit for writing the lessons' checks.

A check is a pytest function whose docstring tells the learner what is checked. To fail, a check calls
`complain(…)` or `expect(…)`. An exception in the learner's code is reported with its file and line.
"""

import json
from importlib import import_module
from typing import NoReturn

import pytest

from workshop.checkkit.code_locations import UNKNOWN
from workshop.system.waiting import PATIENCE, until

__all__ = ["PATIENCE", "STARTING", "Complaint", "as_json", "complain", "expect", "task_name", "until"]

STARTING = 60
"""The maximum number of seconds that a check waits for a process to start.

A process usually starts much faster, unless many processes start at once.
"""


class Complaint(pytest.fail.Exception):
    """The exception that makes a check fail. `except Exception` in the learner's code doesn't catch it.

    Attributes:
        what: A sentence that says what was observed.
        why: One or two sentences that explain the problem.
        facts: The values to show, each with its label, such as "expected" or "found". A code location that
            is UNKNOWN is left out.
    """

    def __init__(self, what: str, why: str = "", **facts: object):
        super().__init__(what)
        self.what, self.why = what, why
        known = {label: str(fact) for label, fact in facts.items() if fact != UNKNOWN}
        self.facts = {label.replace("_", " "): fact for label, fact in known.items()}


def complain(what: str, why: str = "", **facts: object) -> NoReturn:
    """Fail the check.

    Args:
        what: A sentence that says what was observed.
        why: One or two sentences that explain the problem.
        **facts: The values to show, each with its label, such as `expected` or `found`.

    Raises:
        Complaint: Always.
    """
    raise Complaint(what, why, **facts)


def expect(condition: object, what: str, why: str = "", **facts: object) -> None:
    """Fail the check unless `condition` is true. The other arguments are passed to `complain`."""
    if not condition:
        complain(what, why, **facts)


def as_json(value: object) -> str:
    """Return `value` as JSON for a message, without escaping characters such as … and ü.

    An object that JSON doesn't support is shown as its repr().
    """
    return json.dumps(value, ensure_ascii=False, default=repr)


def task_name(path: str) -> str:
    """Return the name of the task at an import path, or the path itself if no task exists there.

    Celery names a task after the module that defines the task's function. If `images.tasks` is a package, the
    function is in a module inside the package, so the task's name differs from its import path.

    Args:
        path: The import path, such as "images.tasks.resize_image_task".
    """
    module, _, name = path.rpartition(".")
    return getattr(getattr(import_module(module), name, None), "name", path)
