"""The notebooks' toolkit: functions that open a project, follow a task and check the reader's answers."""

from workshop.notebookkit.queues import unacked_headers, waiting_message, watch_attempts, watch_ttl

from .backups import LiveDatabase, restore_into
from .events import event_times, receive_events
from .exercises import check
from .failures import slow_storage, storage_down, without_consumers
from .kernel_names import LOOK_QUEUE, unique
from .mailbox import Mailbox
from .pictures import side_by_side
from .plots import plot_pages, plot_runs, plot_seconds, plot_sizes, plot_timeline, plot_uploads, plot_waits
from .project import open_project
from .schedules import due_times, schedule_at
from .sites import blocking_site, upload_at_once
from .task_states import follow, follow_photo
from .workers import wait_until

__all__ = [
    "LOOK_QUEUE",
    "LiveDatabase",
    "Mailbox",
    "blocking_site",
    "check",
    "due_times",
    "event_times",
    "follow",
    "follow_photo",
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
    "schedule_at",
    "side_by_side",
    "slow_storage",
    "storage_down",
    "unacked_headers",
    "unique",
    "upload_at_once",
    "wait_until",
    "waiting_message",
    "watch_attempts",
    "watch_ttl",
    "without_consumers",
]
