"""Use the events of a run to decide whether each step and the whole run have passed."""

from collections import defaultdict

from workshop.checks.events import Broken, Checked, Collected, Event, Skipped
from workshop.course.lessons import Lesson, Step

GIVEN = Step("given", "The starter code that you don't edit still works", [], [])
"""A placeholder step for the checks of the starter code, which don't belong to any step."""


class Verdicts:
    """The verdicts of a run. `add()` updates the verdicts with each event.

    Attributes:
        only: The only step that is checked, or None for the whole lesson.
        first: The step that is checked and shown first, or None.
        steps: The steps that are checked, in the order in which they are shown.
        failure: The first failed check, or None. Failures in ignored steps don't count.
        broken: The reason why the run stopped early, or None if it didn't.
        skipped: Maps each reason why a check can't run on this machine to the affected steps.
    """

    def __init__(self, lesson: Lesson, only: str | None, first: str | None):
        self.only, self.first = only, first
        self.steps = [lesson.step(only)] if only else [*lesson.steps, GIVEN]
        self.steps.sort(key=lambda step: step.id != first)
        self.failure: Checked | None = None
        self.broken: str | None = None
        self.skipped: dict[str, list[str]] = defaultdict(list)
        self._optional = {step.id for step in lesson.steps if step.optional}
        self._has_passed: dict[str, bool] = {}

    def add(self, event: Event) -> None:
        """Update the verdicts with the next event of the run."""
        match event:
            case Collected():
                self.steps = [step for step in self.steps if step.id in event.steps] or self.steps
            case Checked():
                self._has_passed[event.step] = self.has_passed(event.step) is not False and event.passed
                if not event.passed and self.failure is None and not self.is_ignored(event.step):
                    self.failure = event
            case Skipped():
                self.skipped[event.why].append(event.step)
            case Broken():
                self.broken = event.cause

    def has_passed(self, step: str) -> bool | None:
        """Return whether all checks of a step have passed so far, or None if no check of the step has run."""
        return self._has_passed.get(step)

    def is_ignored(self, step: str) -> bool:
        """Return True if failures in a step don't count because the step is optional and not requested."""
        return self.only is None and step in self._optional

    @property
    def passed(self) -> list[str]:
        """The steps that have passed."""
        return [step for step, passed in self._has_passed.items() if passed]

    @property
    def failed_step(self) -> str | None:
        """The first step that failed, or None if no step failed."""
        return self.failure.step if self.failure else None

    @property
    def ok(self) -> bool:
        """Whether all checked steps, apart from ignored steps, have passed."""
        required = [step.id for step in self.steps if not self.is_ignored(step.id)]
        return self.broken is None and all(self.has_passed(step) for step in required)

    @property
    def nothing_checked(self) -> bool:
        """Whether no check has run yet."""
        return not self._has_passed

    @property
    def stopped_after_first(self) -> bool:
        """Whether the other steps weren't checked because the step `first` has failed."""
        return self.first is not None and self.failed_step == self.first
