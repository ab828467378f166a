"""The lessons: what `lessons/NN-name/lesson.toml` says about each."""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from workshop import paths
from workshop.errors import WorkshopError


@dataclass(frozen=True)
class Step:
    """One step of a lesson: `id` is "3.2"; `files` are relative to the project folder.

    `minutes`: how long it takes a learner, by the model of `workshop.dev.minutes`. `optional`: the lesson is
    done without it.
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
    """One lesson, as its manifest describes it.

    `changed`: files that differ from the solution before it. `keeps`: checks of earlier lessons that hold
    here too, as paths below lessons/. `waits`: process name -> id of the step before which it cannot start.
    `reading`: the minutes for what is around the steps, the opening and the end.
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
        """The short name that a person types: "03"."""
        return f"{self.number:02}"

    @property
    def core(self) -> list[Step]:
        """The steps without which the lesson is not done."""
        return [step for step in self.steps if not step.optional]

    @property
    def minutes(self) -> int:
        """How long the core path takes, in minutes."""
        return self.reading + sum(step.minutes for step in self.core)

    @property
    def all_minutes(self) -> int:
        """How long the lesson takes with its optional steps, in minutes."""
        return self.reading + sum(step.minutes for step in self.steps)

    @property
    def duration(self) -> str:
        """Such as "about 50 min, 75 with its optional steps"."""
        extra = f", {self.all_minutes} with its optional steps" if self.all_minutes > self.minutes else ""
        return f"about {self.minutes} min{extra}"

    @property
    def text(self) -> Path:
        """The lesson text, as a file."""
        return paths.DOCS / "lessons" / f"{self.name}.md"

    @property
    def has_broker(self) -> bool:
        """True from the lesson on whose solution has a Celery app."""
        return (self.solution / "myproject" / "celery.py").is_file()

    @property
    def next(self) -> "Lesson | None":
        """The lesson after this one; None for the last."""
        return min(
            (other for other in all_lessons() if other.number > self.number), key=_number, default=None
        )

    def step(self, text: str) -> Step:
        """The step with the id `text` ("3.2"). Raises WorkshopError, with the steps there are."""
        for step in self.steps:
            if step.id == text.strip():
                return step
        known = "\n".join(f"  {step.id}  {step.title}" for step in self.steps) or "  (none)"
        raise WorkshopError(f"Lesson {self.name} has no step {text}. Its steps:\n{known}")


def is_step(text: str) -> bool:
    """True when `text` has the form of a step's id: "3.2"."""
    return re.fullmatch(r"\d+\.\d+", text.strip()) is not None


def todo_steps(text: str) -> list[str]:
    """The steps that TODO comments in `text` name, in order: `# TODO 3.2: …`, `{# TODO 3.2`."""
    return re.findall(r"(?:#|//|/\*|<!--)\s*TODO (\d+\.\d+)\b", text)


def all_lessons() -> list[Lesson]:
    """Every lesson with a manifest, in order. Raises WorkshopError when a manifest cannot be read."""
    return sorted((read(file.parent) for file in paths.LESSONS.glob("[0-9][0-9]-*/lesson.toml")), key=_number)


def find(text: str) -> Lesson:
    """The lesson that `text` names: "3", "03", "03-images", "images" or the beginning of one of these.

    Raises WorkshopError, with the lessons there are, when none or several fit.
    """
    lessons = all_lessons()
    wanted = text.strip().strip("/").lower()
    if wanted.isdecimal():
        found = [lesson for lesson in lessons if lesson.number == int(wanted)]
    else:
        found = [lesson for lesson in lessons if wanted in _names(lesson)]
        if not found and wanted:
            found = [lesson for lesson in lessons if any(name.startswith(wanted) for name in _names(lesson))]
    if len(found) == 1:
        return found[0]
    problem = f'"{text}" could be more than one lesson.' if found else f'There is no lesson "{text}".'
    if not lessons:
        raise WorkshopError(f"{problem} No lessons were found in {paths.LESSONS}. Is this a complete clone?")
    known = "\n".join(f"  {lesson.name}  {lesson.title}" for lesson in found or lessons)
    raise WorkshopError(f"{problem} Choose one of these:\n{known}")


def of_step(step: str) -> Lesson:
    """The lesson that the step `step` ("3.2") belongs to. Raises WorkshopError when there is no such step."""
    lesson = find(step.strip().partition(".")[0])
    lesson.step(step)
    return lesson


def read(folder: Path) -> Lesson:
    """The lesson in `folder`. Raises WorkshopError when its manifest is missing or not whole."""
    manifest = folder / "lesson.toml"
    try:
        content = tomllib.loads(manifest.read_text(encoding="utf-8"))
        return Lesson(
            name=folder.name,
            number=int(folder.name.partition("-")[0]),
            title=content["title"],
            reading=content["reading"],
            goals=content["goals"],
            changed=content["changed"],
            keeps=content.get("keeps", []),
            waits=content.get("waits", {}),
            steps=[
                Step(
                    entry["id"],
                    entry["title"],
                    entry["files"],
                    entry["hints"],
                    entry["minutes"],
                    entry.get("optional", False),
                )
                for entry in content.get("steps", [])
            ],
            folder=folder,
            solution=paths.SOLUTIONS / folder.name,
        )
    except KeyError as error:
        raise WorkshopError(f"{paths.shown(manifest)} has no entry {error.args[0]!r}. Add it.") from error
    except (OSError, ValueError) as error:
        raise WorkshopError(f"{paths.shown(manifest)} cannot be read: {error}.") from error


def _number(lesson: Lesson) -> int:
    return lesson.number


def _names(lesson: Lesson) -> tuple[str, str]:
    return lesson.name, lesson.name.partition("-")[2]
