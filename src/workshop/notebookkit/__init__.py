"""The toolkit for the notebooks: open a project, follow a task, and check the reader's answers."""

from .bank import Bank
from .blocking import blocking_site
from .clocks import clocked, runs_of
from .events import moments, receive_events
from .follow import follow, follow_photo
from .leftovers import take_back
from .pictures import side_by_side
from .plots import plot_seconds, plot_timeline
from .project import open_project
from .rush import rush
from .switches import nobody_takes_from, slow_storage
from .turns import check
from .waiting import wait_until
from .workers import workers

__all__ = [
    "Bank",
    "blocking_site",
    "check",
    "clocked",
    "follow",
    "follow_photo",
    "moments",
    "nobody_takes_from",
    "open_project",
    "plot_seconds",
    "plot_timeline",
    "receive_events",
    "runs_of",
    "rush",
    "side_by_side",
    "slow_storage",
    "take_back",
    "wait_until",
    "workers",
]
