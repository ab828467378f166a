"""What the checks of the lessons are written with.

A check is a pytest function with a docstring that says, in the learner's words, what is looked at. It fails
by `complain(…)` or `expect(…)`; an exception out of the learner's code is reported with its file and line.
"""

from importlib import import_module
from typing import NoReturn

import pytest

from workshop.system.waiting import PATIENCE, until

__all__ = ["PATIENCE", "STARTING", "Complaint", "complain", "expect", "task_name", "until"]

STARTING = 60
"""Seconds that a check waits until a process has started: many times what that takes, as others start too."""


class Complaint(pytest.fail.Exception):
    """What a learner reads when a check fails. No `except Exception` in the learner's code can swallow it.

    what: one sentence, what was observed. facts: label -> value, such as expected and found.
    why: one or two sentences that explain it.
    """

    def __init__(self, what: str, why: str = "", **facts: object):
        super().__init__(what)
        self.what, self.why = what, why
        self.facts = {label.replace("_", " "): str(fact) for label, fact in facts.items()}


def complain(what: str, why: str = "", **facts: object) -> NoReturn:
    raise Complaint(what, why, **facts)


def expect(condition: object, what: str, why: str = "", **facts: object) -> None:
    """Complain with `what` unless `condition` holds."""
    if not condition:
        raise Complaint(what, why, **facts)


def task_name(path: str) -> str:
    """The name of the task that can be imported from `path`, such as "images.tasks.resize_image_task".

    Celery names a task after the module of its function: of a package, that is a module in it.
    If there is no such task, the name is `path`.
    """
    module, _, name = path.rpartition(".")
    return getattr(getattr(import_module(module), name, None), "name", path)
