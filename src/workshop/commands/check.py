"""`./workshop check` and `watch`: run a lesson's checks on a project and print the results."""

from collections.abc import Collection
from pathlib import Path

from workshop import paths
from workshop.checks.report import Report
from workshop.checks.runner import Run
from workshop.checks.verdicts import Verdicts
from workshop.console import console, say
from workshop.course import progress, project_files
from workshop.course.project import Project
from workshop.runtime import diagnosis
from workshop.system import file_watcher

QUIET = 300
"""If no file is saved for this many milliseconds, the next run is prepared."""


def main(project: Project, step: str | None = None, everything: bool = False) -> int:
    """Check a project, and print the results.

    Args:
        project: The project to check.
        step: The ID of the step to check. Default: all steps of the lesson.
        everything: Whether to continue after a step has failed.

    Returns:
        0 if every check has passed, otherwise 1.
    """
    return 0 if _check(project, Run(project, step, everything), step).ok else 1


def watch(project: Project, step: str | None = None) -> int:
    """Check the project now and after every save, until the learner presses Ctrl-C.

    Each run stops at the first failed step. The step that failed last is checked first, because the learner
    is working on that step. The next run is prepared while the learner is editing. After `./workshop reset`,
    the new copy is watched.
    """
    say(f"Watching {project.shown}. Stop with Ctrl-C.")
    while _watch_folder(project, step):
        say(f"{project.shown} was replaced by a new copy. Watching the new copy.")
    say("Stopped watching.")
    return 0


def preflight(project: Project) -> list[str]:
    """Return a sentence for each missing or unreadable file that keeps the project from starting.

    The function doesn't start the project. A module can also be a package, for example
    `images/tasks/__init__.py` instead of `images/tasks.py`.
    """
    originals = project_files.list_files(project.lesson.folder)
    missing = {}
    for name in originals:
        file = project.folder / name
        is_package = name.endswith(".py") and (file.with_suffix("") / "__init__.py").is_file()
        if name.endswith((".py", ".html", "Procfile")) and not file.is_file() and not is_package:
            # If a whole folder is missing, name only the folder.
            folders = [folder for folder in file.parents if folder.is_relative_to(project.folder)]
            first = next((folder for folder in reversed(folders) if not folder.exists()), file)
            missing[first.relative_to(project.folder)] = None
    problems = [_how_to_restore(project, path, originals) for path in missing]
    return problems + diagnosis.unreadable(project.folder)


def _how_to_restore(project: Project, path: Path, originals: Collection[str]) -> str:
    """Return a sentence about a missing file or folder, with the commands that bring it back."""
    original, file = project.lesson.folder / path, project.folder / path
    cp = "cp -r" if original.is_dir() else "cp"
    restore = f"  {cp} {paths.typed(original)} {paths.typed(file)}"
    pattern = f"{path}*" if str(path) == "Procfile" else f"*{file.suffix}"
    known = {parent for name in originals for parent in (Path(name), *Path(name).parents)}
    new = [
        other
        for other in file.parent.glob(pattern)
        if other.relative_to(project.folder) not in known
        and (other / "__init__.py" if original.is_dir() else other).is_file()
    ]
    if len(new) != 1:
        return f"{path} is missing. Restore it:\n{restore}"
    return (
        f"{path} is missing. If you renamed it, rename it back:\n"
        f"  mv {paths.typed(new[0])} {paths.typed(file)}\n"
        f"Otherwise, restore it:\n{restore}"
    )


def _watch_folder(project: Project, step: str | None) -> bool:
    """Watch the project. Returns False after Ctrl-C, and True if the project folder has been replaced."""
    folder = file_watcher.identity(project.folder)
    current, prepared, first = None, None, None
    try:
        prepared = Run(project, step)
        # Start the watcher first so that it notices files that are saved while a check is being prepared or
        # is running.
        for changes in file_watcher.changes(
            project.folder,
            say,
            watch_filter=file_watcher.CodeFilter(project.folder, ".html", ".js", ".css"),
            debounce=100,
            step=20,
            rust_timeout=QUIET,
            yield_on_timeout=True,
        ):
            if file_watcher.identity(project.folder) not in (None, folder):
                return True
            prepared = prepared or Run(project, step, first=first)
            if changes:
                names = sorted({str(Path(path).relative_to(project.folder)) for _, path in changes})
                console.rule(", ".join(names[:3]), style="dim")
            if changes or current is None:
                current, prepared = prepared, None
                verdicts = _check(project, current, step, first)
                if not verdicts.nothing_checked and not step:
                    first = verdicts.failed_step
    except KeyboardInterrupt:
        pass
    finally:
        for run in (current, prepared):  # the current run has ended, unless Ctrl-C interrupted it
            if run:
                run.close()
    return False


def _check(project: Project, run: Run, step: str | None, first: str | None = None) -> Verdicts:
    """Execute `run`, print its progress, and record the passed steps if `project` is a learner's copy."""
    folder = file_watcher.identity(project.folder)
    with run:
        report = Report(project, step, first)
        verdicts = report.verdicts
        if problems := preflight(project):
            report.print_obstacles(problems)
            return verdicts
        with report.live():
            for event in run.events():
                report.add(event)
        report.print_summary()
    # If the copy was reset in the meantime, the results don't apply to the new copy.
    if project.is_learners and file_watcher.identity(project.folder) == folder:
        _record(project, step or (first if verdicts.failed_step == first else None), verdicts.passed)
    return verdicts


def _record(project: Project, step: str | None, passed: list[str]) -> None:
    """Record the `passed` steps. If only `step` was checked, the results of the other steps are kept."""
    lesson = project.lesson
    others = set(progress.passed_steps(lesson.name)) - {step} if step else set()
    known = others.union(passed)
    progress.set_passed_steps(lesson.name, [step.id for step in lesson.steps if step.id in known])
