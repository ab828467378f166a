"""The lessons, as described in `lessons/NN-name/lesson.toml`."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workshop import paths
from workshop.console import listed
from workshop.errors import WorkshopError


@dataclass(frozen=True)
class Step:
    """A step of a lesson: an entry under `[[steps]]` in the manifest.

    Attributes:
        id: The step's id, such as "3.2".
        files: The files to edit, relative to the project folder.
        minutes: The estimated time for the step in minutes, as computed by `workshop.dev.lesson_minutes`.
        optional: Whether the lesson counts as done even without this step.
    """

    id: str
    title: str
    files: list[str]
    hints: list[str]
    minutes: int = 0
    optional: bool = False

    @property
    def anchor(self) -> str:
        """The id of this step's heading in the lesson text."""
        return "step-" + self.id.replace(".", "-")


@dataclass(frozen=True)
class Lesson:
    """A lesson, as described in its manifest.

    Attributes:
        name: The lesson's name, such as "03-images".
        reading: The time, in minutes, that it takes to read the text before and after the steps.
        changed: The files that differ from the previous lesson's solution.
        folder: The folder of the starter.
        solution: The folder of the solution.
        keeps: Checks from earlier lessons that also apply to this lesson, as paths relative to lessons/.
        waits: Maps a process name to the id of the step that must be done before the process can start.
    """

    name: str
    number: int
    title: str
    reading: int
    goals: list[str]
    changed: list[str]
    steps: list[Step]
    folder: Path
    solution: Path
    keeps: list[str] = field(default_factory=list)
    waits: dict[str, str] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """The lesson's number with two digits, such as "03"."""
        return f"{self.number:02}"

    @property
    def learners_copy(self) -> Path:
        """The folder of the learner's copy, which may not exist yet."""
        return paths.PLAYGROUND / self.name

    @property
    def core(self) -> list[Step]:
        """The steps that are required to complete the lesson."""
        return [step for step in self.steps if not step.optional]

    @property
    def minutes(self) -> int:
        """The estimated time for the core path, in minutes."""
        return self.reading + sum(step.minutes for step in self.core)

    @property
    def all_minutes(self) -> int:
        """The estimated time for the lesson including its optional steps, in minutes."""
        return self.reading + sum(step.minutes for step in self.steps)

    @property
    def duration(self) -> str:
        """The estimated time as text, for example "about 50 min, 75 with its optional steps"."""
        extra = f", {self.all_minutes} with its optional steps" if self.all_minutes > self.minutes else ""
        return f"about {self.minutes} min{extra}"

    @property
    def text(self) -> Path:
        """The file with the lesson's text."""
        return paths.DOCS / "lessons" / f"{self.name}.md"

    @property
    def has_broker(self) -> bool:
        """Whether the lesson's solution has a Celery app."""
        return (self.solution / "myproject" / "celery.py").is_file()

    @property
    def next(self) -> "Lesson | None":
        """The next lesson, or None if this is the last one."""
        return next((lesson for lesson in all_lessons() if lesson.number > self.number), None)

    def step(self, text: str) -> Step:
        """Return the step with the id `text`, such as "3.2".

        Raises:
            WorkshopError: The lesson has no such step. The message lists the lesson's steps.
        """
        for step in self.steps:
            if step.id == text.strip():
                return step
        known = "\n".join(f"  {step.id}  {step.title}" for step in self.steps) or "  (none)"
        raise WorkshopError(f"Lesson {self.name} has no step {text}. Its steps:\n{known}")


def is_step(text: str) -> bool:
    """Return True if `text` looks like a step id, such as "3.2"."""
    return re.fullmatch(r"\d+\.\d+", text.strip()) is not None


def named_steps(ids: Sequence[str]) -> str:
    """Return the step ids as part of a sentence, such as "step 1.1" or "steps 1.1, 1.2 and 1.3"."""
    return f"{'step' if len(ids) == 1 else 'steps'} {listed(ids)}"


def todo_steps(text: str) -> list[str]:
    """Return the step ids in the TODO comments of `text`, such as `# TODO 3.2: …`, in order."""
    return re.findall(r"(?:#|//|/\*|<!--)\s*TODO (\d+\.\d+)\b", text)


def all_lessons() -> list[Lesson]:
    """Return the lessons in order.

    Raises:
        WorkshopError: A manifest cannot be read.
    """
    return [read(file.parent) for file in sorted(paths.LESSONS.glob("[0-9][0-9]-*/lesson.toml"))]


def find(text: str) -> Lesson:
    """Return the lesson that `text` names.

    For example, `text` can be "3", "03", "03-images", "images" or the beginning of one of these names.

    Raises:
        WorkshopError: `text` is a step, or it doesn't match exactly one lesson. In the latter case, the
            message lists the lessons to choose from.
    """
    if is_step(text):
        lesson, step = find_step(text)
        raise WorkshopError(
            f"{step.id} is a step, but this command takes a whole lesson, such as {lesson.code}.\n"
            f"To apply the solution to a single step: ./workshop solve {step.id}"
        )
    lessons = all_lessons()
    wanted = text.strip().strip("/").lower()
    if wanted.isdecimal():
        matches = [lesson for lesson in lessons if lesson.number == int(wanted)]
    else:
        matches = [lesson for lesson in lessons if wanted in _names(lesson)]
        if not matches and wanted:
            matches = [
                lesson for lesson in lessons if any(name.startswith(wanted) for name in _names(lesson))
            ]
    if len(matches) == 1:
        return matches[0]
    problem = f'"{text}" matches more than one lesson.' if matches else f'There is no lesson "{text}".'
    if not lessons:
        raise WorkshopError(f"{problem} No lessons were found in {paths.LESSONS}. Is this a complete clone?")
    choices = "\n".join(f"  {lesson.name}  {lesson.title}" for lesson in matches or lessons)
    raise WorkshopError(f"{problem} Choose one of these:\n{choices}")


def find_step(text: str) -> tuple[Lesson, Step]:
    """Return the step with the id `text`, such as "3.2", and its lesson.

    Raises:
        WorkshopError: There is no such step.
    """
    lesson = find(text.strip().partition(".")[0])
    return lesson, lesson.step(text)


def read(folder: Path) -> Lesson:
    """Return the lesson in `folder`.

    Raises:
        WorkshopError: The manifest is missing or incomplete, or it contains an unknown entry.
    """
    manifest = folder / "lesson.toml"
    try:
        entries = tomllib.loads(manifest.read_text(encoding="utf-8"))
        steps = [Step(**step) for step in entries.pop("steps", [])]
        return Lesson(
            name=folder.name,
            number=int(folder.name.partition("-")[0]),
            folder=folder,
            solution=paths.SOLUTIONS / folder.name,
            steps=steps,
            **entries,
        )
    except TypeError as error:
        raise WorkshopError(
            f"{paths.shown(manifest)} has a missing or unknown entry. Correct this entry: {error}."
        ) from error
    except (OSError, ValueError) as error:
        raise WorkshopError(f"{paths.shown(manifest)} cannot be read: {error}.") from error


def _names(lesson: Lesson) -> tuple[str, str]:
    return lesson.name, lesson.name.partition("-")[2]
