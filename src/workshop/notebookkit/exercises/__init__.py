"""Check the answers to the exercises in the notebooks."""

import re
from dataclasses import dataclass
from html import escape
from pkgutil import resolve_name

from workshop.errors import WorkshopError
from workshop.notebookkit.readable_errors import SERVICE_ERRORS

EXERCISES = {
    "1.1": "photo_files.size_of_the_result",
    "1.2": "photo_files.orientation_and_position",
    "1.3": "upload_times.share_of_resizing",
    "1.4": "upload_times.uploads_per_minute",
    "2.1": "messages.read_a_message",
    "2.2": "results.outcome_as_json",
    "2.3": "messages.earliest_and_latest_start",
    "2.4": "results.forget_a_result",
    "3.1": "retries.survive_an_outage",
    "3.2": "messages.send_after_the_commit",
    "3.3": "retries.what_a_second_run_changes",
    "3.4": "lost_photos.photos_without_a_message",
    "4.1": "monitoring.waiting_and_running_time",
    "4.2": "monitoring.idle_processes",
    "4.3": "results.summary_despite_an_error",
    "4.4": "monitoring.revoke_a_waiting_task",
    "4.5": "monitoring.failed_tasks",
    "5.1": "schedules.first_monday",
    "5.2": "schedules.another_time_zone",
    "5.3": "schedules.every_ten_minutes",
    "5.4": "lost_photos.what_the_sweeper_does",
    "5.5": "backups.consistent_copy",
}
"""The function that checks each exercise, and its module. "2.1" is the first exercise in notebook 02.

Each function takes the reader's answers. If the answers are right, the function returns an explanation.
Otherwise, it raises a Complaint.
"""
MARKS = {True: "✓ Right.", False: "✗ Not yet."}


@dataclass(frozen=True)
class Verdict:
    """Says whether an answer is right, and why."""

    right: bool
    text: str

    def __repr__(self) -> str:
        return f"{MARKS[self.right]} {self.text}"

    def _repr_html_(self) -> str:
        text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(self.text))
        return f"<p><b>{MARKS[self.right]}</b> {text}</p>"


def check(exercise: str, *answers: object) -> Verdict:
    """Check the answers to an exercise. An answer that is still `...` counts as missing.

    Args:
        exercise: The exercise's number, such as "2.1".
        *answers: The reader's answers.

    Raises:
        WorkshopError: There is no such exercise, or a service that the check needs is not running.
    """
    # These imports load pytest, which a notebook doesn't need until its first exercise.
    from workshop.checkkit import Complaint

    from .answers import UNANSWERED

    if exercise not in EXERCISES:
        raise WorkshopError(f"There is no exercise {exercise}. The number is in the heading above the cell.")
    if any(answer is ... for answer in answers):
        return Verdict(False, UNANSWERED)
    try:
        return Verdict(True, resolve_name(f"{__name__}.{EXERCISES[exercise]}")(*answers))
    except Complaint as complaint:
        return Verdict(False, f"{complaint.what} {complaint.why}".rstrip())
    except SERVICE_ERRORS:
        raise  # the cell shows a sentence for this error
    except Exception as error:  # show a sentence, whatever the answer is
        return Verdict(
            False, f"Checking your answer raised {type(error).__name__}: {str(error).rstrip('.')}."
        )
