"""What the notebooks are written with: they open a project, follow a task, and check what a reader tried."""

from .bank import Bank
from .clocks import clocked, runs_of
from .follow import follow
from .leftovers import take_back
from .project import open_project
from .switches import nobody_takes_from, slow_storage
from .turns import check
from .waiting import wait_until
from .workers import workers

__all__ = [
    "Bank",
    "check",
    "clocked",
    "follow",
    "nobody_takes_from",
    "open_project",
    "runs_of",
    "slow_storage",
    "take_back",
    "wait_until",
    "workers",
]
