"""The toolkit for the notebooks: open a project, follow a task, and check the reader's answers."""

from .bank import Bank
from .blocking import blocking_site
from .clocks import clocked, runs_of
from .events import moments, receive_events
from .follow import follow, follow_photo
from .leftovers import take_back
from .mailbox import Mailbox
from .messages import attempts, unacked_headers, waiting_message, watch_ttl
from .names import LOOK_QUEUE, unique
from .pictures import side_by_side
from .plots import plot_pages, plot_runs, plot_seconds, plot_sizes, plot_timeline, plot_uploads, plot_waits
from .project import open_project
from .restoring import restore_into
from .rush import rush
from .switches import nobody_takes_from, slow_storage, storage_down
from .timing import median_seconds
from .turns import check
from .waiting import wait_until
from .workers import workers

__all__ = [
    "LOOK_QUEUE",
    "Bank",
    "Mailbox",
    "attempts",
    "blocking_site",
    "check",
    "clocked",
    "follow",
    "follow_photo",
    "median_seconds",
    "moments",
    "nobody_takes_from",
    "open_project",
    "plot_pages",
    "plot_runs",
    "plot_seconds",
    "plot_sizes",
    "plot_timeline",
    "plot_uploads",
    "plot_waits",
    "receive_events",
    "restore_into",
    "runs_of",
    "rush",
    "side_by_side",
    "slow_storage",
    "storage_down",
    "take_back",
    "unacked_headers",
    "unique",
    "wait_until",
    "waiting_message",
    "watch_ttl",
    "workers",
]
