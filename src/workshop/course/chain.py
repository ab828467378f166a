"""The chain of projects: each lesson starts from the previous solution. All other differences are errors."""

from dataclasses import dataclass
from pathlib import Path

from workshop import paths
from workshop.course import lessons, playground
from workshop.course.lessons import Lesson
from workshop.errors import WorkshopError
from workshop.system import atomic_file

TEXTS = ("README.md",)
"""Files that are different in each lesson."""


@dataclass(frozen=True)
class Link:
    """Two neighbors in the chain, and the files that may differ between them.

    source: where the files are listed, for messages.
    """

    before: Path
    after: Path
    listed: frozenset[str]
    source: str


def links(known: list[Lesson] | None = None) -> list[Link]:
    """Return the chain from the first lesson to the last solution."""
    known = lessons.all_lessons() if known is None else known
    found = []
    for number, lesson in enumerate(known):
        manifest = paths.shown(lesson.folder / "lesson.toml")
        if number:
            listed = frozenset(lesson.changed)
            source = f"`changed` in {manifest}"
            found.append(Link(known[number - 1].solution, lesson.folder, listed, source))
        steps = frozenset(name for step in lesson.steps for name in step.files)
        found.append(Link(lesson.folder, lesson.solution, steps, f"the steps in {manifest}"))
    return found


def findings() -> list[str]:
    """Return a sentence for each error in the chain: unlisted differences and outdated entries."""
    found = []
    known = lessons.all_lessons()
    for lesson in known:
        if not lesson.solution.is_dir():
            found.append(f"{paths.shown(lesson.solution)} is missing: every lesson has a solution.")
    if known and known[0].changed:
        found.append(
            f"{known[0].name} is the first lesson, so nothing comes before it. Remove the entries of "
            f"`changed`."
        )
    for link in links(known):
        if link.before.is_dir() and link.after.is_dir():
            found += _broken(link)
    return found


def todos() -> list[str]:
    """Return a sentence for each TODO without a step, step without a TODO, and TODO left in a solution."""
    found = []
    for lesson in lessons.all_lessons():
        ids = {step.id: step for step in lesson.steps}
        seen = set()
        for name, file in _project_files(lesson.folder).items():
            for step in lessons.todo_steps(_text(file)):
                seen.add(step)
                if step not in ids:
                    found.append(f"{paths.shown(file)} has a TODO {step}, but lesson.toml has no such step.")
                elif name not in ids[step].files:
                    found.append(
                        f"{paths.shown(file)} has a TODO {step}, but step {step} does not list the file."
                    )
        found += [
            f"Step {step} of {lesson.name} has no TODO in the starter." for step in ids if step not in seen
        ]
        for file in _project_files(lesson.solution).values():
            found += [
                f"{paths.shown(file)} is a solution, but still has TODO {step}."
                for step in dict.fromkeys(lessons.todo_steps(_text(file)))
            ]
    return found


def carry(name: str) -> list[Path]:
    """Make file `name` the same in all projects that must have the same version. Returns the files written.

    name: a path in a project ("images/resizing.py"). In each part of the chain without a listed difference,
    the first project with the file is the source. With a project in front
    ("solutions/01-sync/images/resizing.py"), that project is the source, but only for its part of the chain.
    Raises WorkshopError if no project has the file, or if the source is ambiguous.
    """
    chosen, name = _split(name)
    written, seen = [], False
    for stretch in _stretches(name):
        having = [project for project in stretch if (project / name).is_file()]
        seen = seen or bool(having)
        if not having or (chosen and chosen not in stretch):
            continue
        versions = {(project / name).read_bytes() for project in having}
        if len(versions) > 2 and not chosen:
            raise WorkshopError(
                f"{name} has {len(versions)} versions between {paths.shown(stretch[0])} and "
                f"{paths.shown(stretch[-1])}. To choose the source, give its full path, for example "
                f"{paths.shown(having[0] / name)}."
            )
        source = (chosen or having[0]) / name
        if not source.is_file():
            raise WorkshopError(f"There is no file {paths.shown(source)}.")
        for target in (project / name for project in stretch):
            if not target.is_file() or target.read_bytes() != source.read_bytes():
                atomic_file.copy(source, target)
                written.append(target)
    if not seen:
        raise WorkshopError(
            f"No lesson or solution has a file {name}. Give its path relative to manage.py, such as "
            f"images/views.py."
        )
    return written


def _broken(link: Link) -> list[str]:
    before, after = _project_files(link.before), _project_files(link.after)
    found = []
    for name in sorted(before.keys() | after.keys() | link.listed):
        if name in TEXTS:
            continue
        both = name in before and name in after
        differs = (
            before[name].read_bytes() != after[name].read_bytes() if both else name in before or name in after
        )
        old, new = paths.shown(link.before), paths.shown(link.after)
        if differs and name not in link.listed:
            if both:
                found.append(f"{name} differs between {old} and {new}, but is not listed in {link.source}.")
            else:
                here, there = (old, new) if name in before else (new, old)
                found.append(
                    f"{name} is in {here}, but not in {there}, and it is not listed in {link.source}."
                )
        elif not differs and name in link.listed:
            found.append(f"{name} is listed in {link.source}, but is the same in {old} and {new}.")
    return found


def _stretches(name: str) -> list[list[Path]]:
    """Return the parts of the chain between the links where `name` is listed."""
    chain = links()
    stretches = [[chain[0].before]] if chain else []
    for link in chain:
        if name in link.listed:
            stretches.append([link.after])
        else:
            stretches[-1].append(link.after)
    return [[project for project in stretch if project.is_dir()] for stretch in stretches]


def _split(name: str) -> tuple[Path | None, str]:
    """Split the path of a file in the chain into the project and the rest.

    Otherwise, return None and `name`.
    """
    for folder in (Path.cwd(), paths.ROOT):
        file = (folder / name).absolute()
        for project in {each for link in links() for each in (link.before, link.after)}:
            if file.is_relative_to(project):
                return project, file.relative_to(project).as_posix()
    return None, name


def _project_files(folder: Path) -> dict[str, Path]:
    return {name: file for name, file in playground.files(folder).items() if name not in TEXTS}


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="ignore")
