"""What the notebooks are written with: they open a project, follow a task, and check what a reader tried."""

from .blocking import blocking_site
from .follow import follow, follow_photo
from .pictures import side_by_side
from .project import open_project
from .rush import rush
from .turns import check
from .workers import workers

__all__ = [
    "blocking_site",
    "check",
    "follow",
    "follow_photo",
    "open_project",
    "rush",
    "side_by_side",
    "workers",
]
