"""The events of a lesson's checks, without the report."""

from workshop.checks.events import Event
from workshop.checks.runner import Run
from workshop.course.project import Project
from workshop.runtime.forked_process import ForkServer


def check_events(
    project: Project, step: str | None = None, everything: bool = False, forks: ForkServer | None = None
) -> list[Event]:
    """Run the checks of `project` to the end, and return their events (see `Run.events`)."""
    with Run(project, step, everything, forks=forks) as run:
        return list(run.events())
