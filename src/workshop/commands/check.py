"""`./workshop check` and `watch`: run a lesson's checks on a project and print the results."""

from collections.abc import Iterator
from pathlib import Path

from workshop import paths
from workshop.checks.events import Event
from workshop.checks.report import Report
from workshop.checks.runner import Run
from workshop.console import console, say
from workshop.course import playground, progress
from workshop.course.project import Project
from workshop.runtime import diagnosis
from workshop.runtime.forked_process import ForkServer
from workshop.system import file_watcher

QUIET = 300
"""Milliseconds without a save after which the next run is prepared."""


def main(project: Project, step: str | None = None, everything: bool = False) -> int:
    """Check `step` or the whole lesson, and print the results. Returns 0 if every check has passed."""
    return 0 if _checked(project, Run(project, step, everything), step).ok else 1


def watch(project: Project, step: str | None = None) -> int:
    """Check now and after every save until Ctrl-C. Each run stops at the first step that fails.

    The step that failed last comes first, because the learner is working on it. The next run is prepared
    while the learner writes. After a `reset`, the new copy is watched.
    """
    say(f"Watching {project.shown}. Stop with Ctrl-C.")
    while _replaced_while_watched(project, step):
        say(f"{project.shown} was replaced by a new copy. Watching the new copy.")
    say("Stopped watching.")
    return 0


def _replaced_while_watched(project: Project, step: str | None) -> bool:
    """Watch until Ctrl-C, and return False. Returns True if another folder replaces the project's folder."""
    folder = file_watcher.identity(project.folder)
    run, used, first, is_first = None, None, None, True
    try:
        run = Run(project, step)
        # Start the watcher first, so that it notices files that are saved while a check is prepared or
        # running.
        for changes in file_watcher.changes(
            project.folder,
            say,
            watch_filter=lambda _change, path: _is_code(Path(path).relative_to(project.folder)),
            debounce=100,
            step=20,
            rust_timeout=QUIET,
            yield_on_timeout=True,
        ):
            if file_watcher.identity(project.folder) not in (None, folder):
                return True
            run = run or Run(project, step, first=first)
            if changes:
                names = sorted({str(Path(path).relative_to(project.folder)) for _, path in changes})
                console.rule(", ".join(names[:3]), style="dim")
            if changes or is_first:
                used, run, is_first = run, None, False
                report = _checked(project, used, step, first)
                if report.outcome and not step:
                    first = report.failed_step
    except KeyboardInterrupt:
        pass
    finally:
        for each in (used, run):  # the used run has ended, unless Ctrl-C interrupted it
            if each:
                each.close()
    return False


def _checked(project: Project, run: Run, step: str | None, first: str | None = None) -> Report:
    """Print the progress of `run`, which is used up, and record the steps that a learner's copy passed."""
    folder = file_watcher.identity(project.folder)
    with run:
        report = Report(project, step, first)
        obstacles = preflight(project)
        if obstacles:
            report.print_obstacles(obstacles)
            return report
        with report.live():
            for event in run.events():
                report.add(event)
        report.print_summary()
    # If the copy was reset in the meantime, the results don't apply to the new copy.
    if project.is_learners and file_watcher.identity(project.folder) == folder:
        _remember(project, step or (first if report.failed_step == first else None), report.passed)
    return report


def preflight(project: Project) -> list[str]:
    """Return what keeps the project from starting, found without starting it: missing or unreadable files.

    A module may also be a package: `images/tasks/__init__.py` instead of `images/tasks.py`.
    """
    found = []
    for name in playground.files(project.lesson.folder):
        file = project.folder / name
        is_package = name.endswith(".py") and (file.with_suffix("") / "__init__.py").is_file()
        if name.endswith((".py", ".html")) and not file.is_file() and not is_package:
            original = paths.shown(project.lesson.folder / name)
            found.append(f"{name} is missing. Restore it:  cp {original} {paths.shown(file)}")
    return found + diagnosis.unreadable(project.folder)


def run(
    project: Project, step: str | None = None, everything: bool = False, forks: ForkServer | None = None
) -> Iterator[Event]:
    """Run the checks and yield their events as they happen (see `Run.events`).

    forks: the fork server that starts the processes (default: a new one).
    """
    with Run(project, step, everything, forks=forks) as run:
        yield from run.events()


def _remember(project: Project, step: str | None, passed: list[str]) -> None:
    if step:
        before = [each for each in progress.passed(project.lesson.name) if each != step]
        passed = before + passed
    order = [each.id for each in project.lesson.steps]
    progress.set_passed(project.lesson.name, sorted(set(passed) & set(order), key=order.index))


def _is_code(name: Path) -> bool:
    """Whether a change of the file `name`, relative to the project, starts a new check."""
    return name.suffix in (".py", ".html", ".js", ".css") and not {"data", "__pycache__"} & set(name.parts)
