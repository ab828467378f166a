"""Check exercises about tasks that run again because of a retry or a redelivered message."""

from celery import current_app
from celery.utils.time import get_exponential_backoff_interval

from workshop.checkkit import complain, expect

from .answers import expect_answered, expect_type

LONGEST_WAIT, OUTAGE, TOO_LONG = 30, 120, 300
"""The longest allowed wait, the length of the outage, and the longest allowed total wait, all in seconds."""
REASONS = {
    "files": "The storage overwrites the file (step 3.5), so there is still only one file.",
    "name": "The file's name is derived from the name of the upload, which stays the same.",
    "bytes": "Resizing the same photo with the same options produces the same bytes.",
    "queued_at": "The web process sets queued_at when it sends a message. The second run sent no message.",
    "written": "The file is written again with the same content, so its modification time changes.",
    "resize_seconds": "The row is written again, and no two runs take exactly the same amount of time.",
}
"""The reason why each value from the notebook's `evidence()` changes or stays the same in a second run."""


def survive_an_outage(options) -> str:
    """Check exercise 3.1: retry options for a storage that is down for two minutes."""
    expect_type("options", options, dict, "a dictionary of options for @shared_task")
    expect_answered(*options.values())
    unknown = options.keys() - {"retry_backoff", "retry_backoff_max", "retry_jitter", "max_retries"}
    expect(
        not unknown,
        f"Celery would ignore {', '.join(sorted(map(str, unknown)))}. Remove this option, or check its "
        "spelling.",
    )
    backoff = options.get("retry_backoff", False)
    expect(
        backoff,
        "Without retry_backoff, the wait doesn't double: every wait is default_retry_delay, which is three "
        "minutes.",
    )
    most = options.get("max_retries", 3)
    expect(
        most is not None,
        "With max_retries=None, the task is retried forever, so there is no last attempt. Choose a finite "
        "number.",
    )
    expect_type("max_retries", most, int, "a whole number")
    factor, maximum = int(max(1.0, float(backoff))), int(options.get("retry_backoff_max", 600))
    waits = [get_exponential_backoff_interval(factor, retries, maximum) for retries in range(most)]
    total = f"{sum(waits)} s"
    listed = " + ".join(map(str, waits)) if len(waits) <= 12 else f"{len(waits)} waits"
    expect(waits, "With max_retries=0, the task is never retried. Choose a larger number.")
    expect(
        max(waits) <= LONGEST_WAIT,
        f"The waits are {listed}. The longest wait, {max(waits)} s, is too long. "
        "Set retry_backoff_max (default: 600 s).",
    )
    expect(
        sum(waits) >= OUTAGE,
        f"The retries are exhausted after {listed} = {total}, but the storage can be down for {OUTAGE} s. "
        "Allow more retries. The default for max_retries is three.",
    )
    expect(
        sum(waits) <= TOO_LONG,
        f"The last attempt starts after {listed} = {total}, which is more than five minutes. Allow "
        "fewer retries.",
    )
    return (
        f"The total wait is {listed} = {total} without jitter. With jitter, the total wait is shorter, "
        "typically about half as long. To make sure that the retries cover two minutes, allow more of them."
    )


def what_a_second_run_changes(changed, evidence, photo) -> str:
    """Check exercise 3.3: the values that change when the task runs a second time."""
    expect_type("changed", changed, (set, list, tuple, dict, frozenset), "a set of names")
    photo.refresh_from_db()
    expect(photo.is_processed, "The photo was never resized. Is a worker running?")
    changed, before = set(changed), evidence(photo)
    unknown = changed - before.keys()
    expect(
        not unknown,
        f"There is no value named {', '.join(map(repr, unknown))}. The names are {', '.join(before)}.",
    )
    for _ in range(2):
        _run_again(photo)
    after = evidence(photo)
    really_changed = {name for name in before if before[name] != after[name]}
    expect(
        "files" not in really_changed,
        f"There were {before['files']} files before the second run and {after['files']} files after it. "
        "Let the storage overwrite the file (step 3.5).",
    )
    for name in sorted(changed - really_changed):
        complain(f"{name} did not change.", REASONS.get(name, ""))
    for name in sorted(really_changed - changed):
        complain(f"{name} changed too.", REASONS.get(name, ""))
    return "Only the file's modification time and the resize time differ, so the task is idempotent."


def _run_again(photo) -> None:
    task = current_app.tasks["images.tasks.resize_image_task"]
    sent = task.apply_async((photo.pk,), ignore_result=False)
    try:
        sent.get(timeout=10)
    finally:
        sent.forget()
