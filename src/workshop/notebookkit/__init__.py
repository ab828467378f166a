"""What the notebooks are written with: they open a project, follow a task, and check what a reader tried."""

from .follow import follow
from .project import open_project
from .turns import check
from .workers import workers

__all__ = ["check", "follow", "open_project", "workers"]
