"""Check exercises about the results of tasks and chords."""

import json

from celery import current_app
from celery.canvas import Signature
from celery.exceptions import ChordError, TimeoutError
from celery.result import AsyncResult, GroupResult

from workshop.checkkit import complain, expect
from workshop.notebookkit.kernel_names import unique
from workshop.notebookkit.workers import wait_until

from .answers import expect_function, expect_keys, expect_type


def outcome_as_json(outcome) -> str:
    """Check exercise 2.2: a function that returns a task's state, value and error."""
    expect_function("outcome", outcome, "an AsyncResult")
    state = _outcome_of(AsyncResult(unique("unknown")), outcome, "an unknown ID")["state"]
    expect(state == "PENDING", f"For an unknown ID, your function returned the state {state!r}, not PENDING.")
    task = current_app.tasks["images.tasks.describe_photo_task"]
    failed = task.delay(0)
    failed.get(timeout=10, propagate=False)
    returned = _outcome_of(failed, outcome, "a failed task")
    expect(
        returned["state"] == "FAILURE",
        f"For a failed task, your function returned the state {returned['state']!r}, not FAILURE.",
    )
    expect(
        returned["value"] is None,
        "For a failed task, the value must be None. Put the exception into `error`, as a string.",
    )
    expect(
        isinstance(returned["error"], str) and "matching query" in returned["error"],
        f"For a failed task, the error was {returned['error']!r}, but it should contain the exception's "
        "message.",
    )
    json.dumps(returned)
    successful = task.delay(_newest_photo())
    successful.get(timeout=10)
    returned = _outcome_of(successful, outcome, "a successful task")
    expect(
        returned["error"] is None,
        f"For a successful task, the error must be None, but it was {returned['error']!r}.",
    )
    expect(
        isinstance(returned["value"], dict),
        "For a successful task, the value must be the task's return value.",
    )
    successful.forget()
    failed.forget()
    return "Your function handles all three cases, and its return value can be sent to a page as JSON."


def _outcome_of(result: AsyncResult, outcome, case: str) -> dict:
    try:
        returned = outcome(result)
    except TimeoutError:
        complain(
            "Your function waited for the result, but the result did not arrive in time. Read result.state "
            "and result.result instead of calling get()."
        )
    expect_keys(case, returned, "state", "value", "error")
    return returned


def _newest_photo() -> int:
    from images.models import UploadedImage

    return UploadedImage.objects.latest("pk").pk


def forget_a_result(task_id, state_before, state_after) -> str:
    """Check exercise 2.4: the state before and after the result is deleted."""
    expect(
        state_before == "SUCCESS",
        f"`state_before` is {state_before!r}. Read the state before you delete the result.",
    )
    expect(
        state_after == "PENDING",
        f"`state_after` is {state_after!r}. Read the state again after you call forget().",
    )
    expect(
        current_app.backend.get(f"celery-task-meta-{task_id}") is None,
        "The result is still stored. Use the method of AsyncResult that deletes the result.",
    )
    return (
        "The task ran, but its result has been deleted, so its state is PENDING again. PENDING means unknown."
    )


def summary_despite_an_error(summary, image_ids) -> str:
    """Check exercise 4.3: a chord whose callback lists a photo that doesn't exist as failed."""
    expect(
        not isinstance(summary, Signature),
        "summary is a signature, so nothing has been sent yet. Call the chord: chord(header)(callback).",
    )
    expect(
        not isinstance(summary, dict),
        "summary is a dictionary: either you computed it in this kernel, or you waited for the result. "
        "Assign the AsyncResult instead.",
    )
    expect(
        not isinstance(summary, (GroupResult, list)),
        "summary contains only the results of the header tasks. Add the chord's callback, "
        "summarize_task.s().",
    )
    expect_type("summary", summary, AsyncResult, "the AsyncResult that you get when you call a chord")
    wait_until(summary.ready, what="The summary")
    result = summary.get(propagate=False)  # otherwise, get() raises the header task's error
    expect(
        not isinstance(result, ChordError),
        "A header task raised an exception, so the result is a ChordError. Use describe_for_summary_task, "
        "which returns the error for a missing photo.",
    )
    expect(
        isinstance(result, dict) and "photos" in result,
        f"The result is {str(result)[:80]}, which is not a summary. Is summarize_task the callback?",
    )
    failed = [photo["id"] for photo in result["failed"]]
    expect(failed, "The summary does not list photo 0. Add a header task for photo 0.")
    expect(failed == [0], f"These photos failed: {failed}. Use your own photos, and add photo 0 once.")
    expect(
        result["photos"] == len(image_ids),
        f"The summary covers {result['photos']} photos, but it should cover {len(image_ids)}.",
    )
    return (
        f"The summary covers {result['photos']} photos and lists photo 0 with its error. No process had to "
        "wait."
    )
