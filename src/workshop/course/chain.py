"""The chain of projects: each lesson starts from the solution to the previous lesson.

A difference between two neighboring projects is an error unless a manifest lists the file.
"""

from dataclasses import dataclass
from pathlib import Path

from workshop import paths
from workshop.course import lessons
from workshop.course.lessons import Lesson
from workshop.course.project_files import README, contents, is_project_file, split_path
from workshop.errors import WorkshopError
from workshop.system import atomic_file


@dataclass(frozen=True)
class Link:
    """Two neighboring projects in the chain.

    Attributes:
        listed: The files that may differ between the two projects.
        source: A description of where these files are listed, for use in messages.
    """

    before: Path
    after: Path
    listed: frozenset[str]
    source: str


def links() -> list[Link]:
    """Return the chain from the first lesson to the last solution."""
    chain: list[Link] = []
    previous: Lesson | None = None
    for lesson in lessons.all_lessons():
        manifest = paths.shown(lesson.folder / "lesson.toml")
        if previous:
            changed = frozenset(lesson.changed)
            chain.append(Link(previous.solution, lesson.folder, changed, f"`changed` in {manifest}"))
        steps = frozenset(name for step in lesson.steps for name in step.files)
        chain.append(Link(lesson.folder, lesson.solution, steps, f"the steps in {manifest}"))
        previous = lesson
    return chain


def errors() -> list[str]:
    """Return a sentence for each error in the chain and in the TODOs."""
    return file_errors() + todo_errors()


def file_errors() -> list[str]:
    """Return a sentence for each unlisted difference, and for each listed file that doesn't differ."""
    known = lessons.all_lessons()
    sentences = [
        f"{paths.shown(lesson.solution)} is missing: every lesson needs a solution."
        for lesson in known
        if not lesson.solution.is_dir()
    ]
    if known and known[0].changed:
        sentences.append(
            f"{known[0].name} is the first lesson, so nothing comes before it. Remove the entries from "
            f"`changed`."
        )
    for link in links():
        if link.before.is_dir() and link.after.is_dir():
            sentences += _link_errors(link)
    return sentences


def todo_errors() -> list[str]:
    """Return a sentence for each error in the TODOs.

    A TODO without a step, a step without a TODO, and a TODO in a solution are errors.
    """
    sentences = []
    for lesson in lessons.all_lessons():
        files = {step.id: step.files for step in lesson.steps}
        todos = _todos(lesson.folder)
        for name, step in todos:
            file = paths.shown(lesson.folder / name)
            if step not in files:
                sentences.append(f"{file} has a TODO {step}, but lesson.toml has no such step.")
            elif name not in files[step]:
                sentences.append(f"{file} has a TODO {step}, but step {step} does not list the file.")
        with_todo = {step for _, step in todos}
        sentences += [
            f"Step {step} of {lesson.name} has no TODO in the starter."
            for step in files
            if step not in with_todo
        ]
        sentences += [
            f"{paths.shown(lesson.solution / name)} belongs to a solution, but still contains TODO {step}."
            for name, step in _todos(lesson.solution)
        ]
    return sentences


def carry(name: str) -> list[Path]:
    """Copy the file `name` to all projects that must have the same version of the file.

    Args:
        name: A path in a project, such as "images/resizing.py". The chain is divided where a manifest lists
            this file. In each part, the first project that has the file is the source. If the path starts
            with a project ("solutions/01-sync/images/resizing.py"), this project is the source, and only its
            part of the chain is updated.

    Returns:
        The files that were written.

    Raises:
        WorkshopError: The projects don't share the file, no project has it, or the source is ambiguous.
    """
    projects = {project for link in links() for project in (link.before, link.after)}
    chosen, name = split_path(name, projects)
    _refuse_unshared(name)
    parts = _parts_with_one_version(name)
    if not any((project / name).is_file() for part in parts for project in part):
        raise WorkshopError(
            f"No lesson or solution contains {name}. Give its path relative to manage.py, such as "
            f"images/views.py."
        )
    written = []
    for part in parts:
        if chosen is None or chosen in part:
            written += _carry_in(part, name, chosen)
    return written


def _carry_in(projects: list[Path], name: str, chosen: Path | None) -> list[Path]:
    """Copy the file `name` from the `chosen` project, or the first project that has it, to the others.

    Raises:
        WorkshopError: The source is ambiguous, or the `chosen` project doesn't have the file.
    """
    copies = [project / name for project in projects if (project / name).is_file()]
    if not copies:
        return []
    versions = {file.read_bytes() for file in copies}
    if len(versions) > 2 and not chosen:
        raise WorkshopError(
            f"{name} has {len(versions)} versions between {paths.shown(projects[0])} and "
            f"{paths.shown(projects[-1])}. To choose the source, give its full path, for example "
            f"{paths.shown(copies[0])}."
        )
    source = chosen / name if chosen else copies[0]
    if not source.is_file():
        raise WorkshopError(f"There is no file {paths.shown(source)}.")
    content = source.read_bytes()
    targets = [project / name for project in projects]
    outdated = [file for file in targets if not file.is_file() or file.read_bytes() != content]
    for file in outdated:
        atomic_file.copy(source, file)
    return outdated


def _refuse_unshared(name: str) -> None:
    if name.startswith("checks/"):
        raise WorkshopError(
            f"{name} was not copied. Checks exist only in their lesson, so no other project has a copy of "
            "this file. To run a check in a later lesson too, list it under `keeps` in that lesson's "
            "lesson.toml."
        )
    if name == README or not is_project_file(name):
        raise WorkshopError(
            f"{name} was not copied. The projects do not share this file: a lesson either has its own "
            "version or doesn't have the file at all."
        )


def _link_errors(link: Link) -> list[str]:
    before, after = contents(link.before), contents(link.after)
    old, new = paths.shown(link.before), paths.shown(link.after)
    names = (before.keys() | after.keys()) - {README}
    different = {name for name in names if before.get(name) != after.get(name)}
    sentences = []
    for name in sorted(different - link.listed):
        if name in before and name in after:
            sentences.append(f"{name} differs between {old} and {new}, but is not listed in {link.source}.")
        else:
            here, there = (old, new) if name in before else (new, old)
            sentences.append(
                f"{name} is in {here}, but not in {there}, and it is not listed in {link.source}."
            )
    if link.after.is_relative_to(paths.SOLUTIONS):
        for name in sorted(link.listed & before.keys() - after.keys()):
            sentences.append(
                f"{name} is listed in {link.source}, but {new} has no such file. `solve` can't delete "
                "files, so add the file to the solution or remove the entry."
            )
    for name in sorted(link.listed - different):
        sentences.append(f"{name} is listed in {link.source}, but is the same in {old} and {new}.")
    return sentences


def _parts_with_one_version(name: str) -> list[list[Path]]:
    """Split the projects of the chain at each link that lists `name`."""
    chain = links()
    parts = [[chain[0].before]] if chain else []
    for link in chain:
        if name in link.listed:
            parts.append([])
        parts[-1].append(link.after)
    return [[project for project in part if project.is_dir()] for part in parts]


def _todos(folder: Path) -> list[tuple[str, str]]:
    """Return the file and the step of each TODO in the project."""
    todos = []
    for name, content in contents(folder).items():
        if name != README:
            steps = dict.fromkeys(lessons.todo_steps(content.decode(errors="ignore")))
            todos += [(name, step) for step in steps]
    return todos
