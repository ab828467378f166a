"""The exercises in notebook 03."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta

import redis
from celery import current_app
from celery.utils.time import get_exponential_backoff_interval

from workshop.checkkit.photo_rows import RESIZED
from workshop.runtime.messages import Message, decoded

from .names import LOOK_QUEUE
from .turns import YOURS, expect

TASK = "images.tasks.resize_image_task"
LONGEST_WAIT, AWAY, TOO_LONG = 30, 120, 300
"""Limits in seconds: the longest wait, the length of the outage, and the latest start of the last attempt."""


class _RolledBack(Exception):
    """Rolls back a transaction."""


def turn_1(options) -> str:
    expect(isinstance(options, dict), "options must be a dictionary of options for @shared_task.")
    expect(... not in options.values(), YOURS)
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
    expect(isinstance(most, int), f"max_retries must be a whole number, but it is {most!r}.")
    factor, maximum = int(max(1.0, float(backoff))), int(options.get("retry_backoff_max", 600))
    waits = [get_exponential_backoff_interval(factor, retries, maximum) for retries in range(most)]
    said = " + ".join(map(str, waits)) if len(waits) <= 12 else f"{len(waits)} waits"
    expect(waits, "With max_retries=0, the task is never retried. Choose a larger number.")
    expect(
        max(waits) <= LONGEST_WAIT,
        f"The waits are {said}. The longest one, {max(waits)} s, is too long. "
        "Set retry_backoff_max (default: 600 s).",
    )
    expect(
        sum(waits) >= AWAY,
        f"The retries are exhausted after {said} = {sum(waits)} s, but the storage can be down for {AWAY} s. "
        "Allow more retries. The default for max_retries is three.",
    )
    expect(
        sum(waits) <= TOO_LONG,
        f"The last attempt starts after {said} = {sum(waits)} s, which is more than five minutes. Allow "
        "fewer retries.",
    )
    return (
        f"{said} = {sum(waits)} s without jitter. With jitter, the total wait is shorter, typically about "
        "half as long. If you must be sure to cover two minutes, allow more retries."
    )


def turn_2(resend, photo) -> str:
    from django.db import transaction

    expect(callable(resend), "resend must be a function that takes a photo.")
    with _row_kept(photo):
        before = _ids_on_look_queue()
        with contextlib.suppress(_RolledBack), transaction.atomic():
            try:
                resend(photo)
            except TypeError as error:
                expect(
                    "callback" not in str(error),
                    "You passed on_commit the return value of a call, so the message has already been sent. "
                    "Pass a function, such as functools.partial(…), or use apply_async_on_commit.",
                )
                raise
            raise _RolledBack
        expect(
            not _ids_on_look_queue() - before,
            "The caller's transaction was rolled back, but the message is on the broker. "
            "The end of your with block doesn't commit anything, because the block is inside the caller's "
            "transaction. "
            "Send the message with apply_async_on_commit.",
        )
        before = _ids_on_look_queue()
        resend(photo)
        sent = _ids_on_look_queue() - before
    expect(
        sent,
        "The transaction was committed, but LOOK_QUEUE is empty. "
        "Did you send the message to the default queue? Pass queue=LOOK_QUEUE to apply_async_on_commit, "
        "because delay_on_commit takes no options.",
    )
    expect(len(sent) == 1, f"You sent {len(sent)} messages for one photo. Send only one.")
    message = _messages()[sent.pop()]
    task, arguments, keywords = message.task, message.args, message.kwargs
    expect(task == TASK, f"The message is for the task {task}, but it should be for {TASK}.")
    found = arguments[0] if arguments else keywords.get("image_id")
    expect(found == photo.pk, f"The message is for photo {found!r}, but it should be for photo {photo.pk}.")
    return "One message is sent if the outermost transaction is committed, and none if it is rolled back."


def turn_3(changed, evidence, photo) -> str:
    collection = isinstance(changed, (set, list, tuple, dict, frozenset))
    expect(collection, f"changed must be a set of names, but it is {changed!r}.")
    photo.refresh_from_db()
    expect(photo.is_processed, "The photo was never resized. Is a worker running?")
    changed, before = set(changed), evidence(photo)
    unknown = changed - before.keys()
    expect(
        not unknown,
        f"The values don't include {', '.join(map(repr, unknown))}. The names are {', '.join(before)}.",
    )
    task = current_app.tasks[TASK]
    for _ in range(2):
        sent = task.apply_async((photo.pk,), ignore_result=False)
        try:
            sent.get(timeout=5)
        finally:
            sent.forget()
    after = evidence(photo)
    really = {name for name in before if before[name] != after[name]}
    expect(
        "files" not in really,
        f"There were {before['files']} files before the second run and {after['files']} files after it. "
        "Let the storage overwrite the file (step 3.5).",
    )
    reasons = {
        "files": "The storage overwrites the file (step 3.5), so there is still only one file.",
        "name": "The file's name is derived from the name of the upload, which stays the same.",
        "bytes": "Resizing the same photo with the same options produces the same bytes.",
        "queued_at": "The web process sets queued_at when it sends a message, but the second run sent no "
        "message.",
        "written": "The file is written again with the same content, so its modification time changes.",
        "resize_seconds": "The row is written again, and no two runs take exactly the same amount of time.",
    }
    for name in sorted(changed - really):
        expect(False, f"{name} has not changed. {reasons.get(name, '')}")
    for name in sorted(really - changed):
        expect(False, f"{name} has changed too. {reasons.get(name, '')}")
    return "Only the file's modification time and the resize time differ, so the task is idempotent."


def turn_4(forgotten) -> str:
    from django.db import transaction
    from django.db.models import Q, QuerySet
    from images.models import UploadedImage

    if isinstance(forgotten, Q):
        forgotten = UploadedImage.objects.filter(forgotten)
    expect(
        not isinstance(forgotten, (list, tuple, set)),
        "forgotten is a list or another collection, which doesn't reflect later changes. Write a query: "
        "filter(…), without list().",
    )
    expect(
        isinstance(forgotten, QuerySet) and forgotten.model is UploadedImage,
        f"forgotten is of type {type(forgotten).__name__}. Write a query: UploadedImage.objects.filter(…).",
    )
    found: set[int] = set()
    with contextlib.suppress(_RolledBack), transaction.atomic():
        rows = _rows_in_each_state()
        found = set(forgotten.all().values_list("pk", flat=True))
        raise _RolledBack
    for name, why in (
        ("resized", "Your query finds photos that have been resized. Filter on is_processed."),
        ("failed", "Your query finds photos that have failed: their failure_reason is not empty."),
        (
            "failed unqueued",
            "Your query finds a photo that has a failure_reason. Filter on an empty failure_reason.",
        ),
        (
            "waiting",
            "Your query finds photos that are waiting for a worker: their queued_at is not empty.",
        ),
    ):
        expect(rows[name] not in found, why)
    expect(
        rows["unqueued"] in found,
        "Your query doesn't find a photo that is not resized and has neither a failure_reason nor a "
        "queued_at. "
        "An empty failure_reason is an empty string, but an empty queued_at is None.",
    )
    return (
        "queued_at is set only after a message has been sent, so an empty queued_at means that there is no "
        "message."
    )


def _rows_in_each_state() -> dict[str, int]:
    """Create hour-old photos without a file. Call this only inside a transaction that is rolled back."""
    from django.utils import timezone
    from images.models import UploadedImage

    hour_ago = timezone.now() - timedelta(hours=1)
    states = {
        "unqueued": {},
        "waiting": {"queued_at": hour_ago},
        "resized": {"queued_at": hour_ago, **RESIZED},
        "failed": {"queued_at": hour_ago, "failure_reason": "damaged"},
        "failed unqueued": {"failure_reason": "damaged"},
    }
    made = {name: UploadedImage.objects.create(**columns).pk for name, columns in states.items()}
    UploadedImage.objects.filter(pk__in=made.values()).update(uploaded_at=hour_ago)
    return made


@contextlib.contextmanager
def _row_kept(photo) -> Iterator[None]:
    """Restore the photo's row at the end of the block."""
    photo.refresh_from_db()
    kept = {"failure_reason": photo.failure_reason, "queued_at": photo.queued_at}
    try:
        yield
    finally:
        type(photo).objects.filter(pk=photo.pk).update(**kept)
        photo.refresh_from_db()


def _messages() -> dict[str, Message]:
    broker = redis.Redis.from_url(current_app.conf.broker_url)
    found = map(decoded, broker.lrange(LOOK_QUEUE, 0, -1))
    return {message.headers["id"]: message for message in found}


def _ids_on_look_queue() -> set[str]:
    return set(_messages())
