"""The exercises of notebook 03."""

import base64
import contextlib
import json
from collections.abc import Iterator
from datetime import timedelta

import redis
from celery import current_app
from celery.utils.time import get_exponential_backoff_interval

from ..checkkit.rows import RESIZED
from .turns import YOURS, expect

LOOK = "for a look"
"""A queue that no worker consumes."""
TASK = "images.tasks.resize_image_task"
LONGEST_WAIT, AWAY, TOO_LONG = 30, 120, 300
"""In seconds: the longest wait, the length of the outage, and the latest start of the last attempt."""


class _RolledBack(Exception):
    """Rolls back a transaction."""


def turn_1(options) -> str:
    expect(isinstance(options, dict), "options must be a dictionary, with options of @shared_task.")
    expect(... not in options.values(), YOURS)
    unknown = options.keys() - {"retry_backoff", "retry_backoff_max", "retry_jitter", "max_retries"}
    expect(
        not unknown,
        f"Celery would ignore {', '.join(sorted(map(str, unknown)))}. Remove it, or check the spelling.",
    )
    backoff = options.get("retry_backoff", False)
    expect(
        backoff,
        "Without retry_backoff, the wait doesn't double: it is always default_retry_delay, three minutes.",
    )
    most = options.get("max_retries", 3)
    expect(
        most is not None,
        "With max_retries=None, the task is retried forever, so there is no last attempt. Choose a number.",
    )
    expect(isinstance(most, int), f"max_retries is {most!r}, but it must be a whole number.")
    factor, maximum = int(max(1.0, float(backoff))), int(options.get("retry_backoff_max", 600))
    waits = [get_exponential_backoff_interval(factor, retries, maximum) for retries in range(most)]
    said = " + ".join(map(str, waits)) if len(waits) <= 12 else f"{len(waits)} waits"
    expect(waits, "With max_retries=0, the task is not retried at all. Choose a larger number.")
    expect(
        max(waits) <= LONGEST_WAIT,
        f"The waits are {said}, so one of them is {max(waits)} s. Set retry_backoff_max (default: 600 s).",
    )
    expect(
        sum(waits) >= AWAY,
        f"{said} = {sum(waits)} s, and then the retries are exhausted. The storage can be down for {AWAY} s. "
        "Allow more retries. Without max_retries, there are three.",
    )
    expect(
        sum(waits) <= TOO_LONG,
        f"{said} = {sum(waits)} s until the last attempt, more than five minutes. Allow fewer retries.",
    )
    return (
        f"{said} = {sum(waits)} s without jitter. With jitter, this is the longest time, and about half "
        "of it is usual. If you have to be sure to cover two minutes, allow more retries."
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
                    "You passed on_commit the return value of a call, so the message was sent already. "
                    "Pass a function, such as functools.partial(…), or use apply_async_on_commit.",
                )
                raise
            raise _RolledBack
        expect(
            not _ids_on_look_queue() - before,
            "The caller's transaction was rolled back, but the message is on the broker. "
            "The end of your with block does not commit, because the caller's transaction is around it. "
            "Send the message with apply_async_on_commit.",
        )
        before = _ids_on_look_queue()
        resend(photo)
        sent = _ids_on_look_queue() - before
    expect(
        sent,
        f'The transaction was committed, but the queue "{LOOK}" is empty. '
        f'Perhaps you sent the message to the default queue? Pass queue="{LOOK}" to apply_async_on_commit: '
        "delay_on_commit takes no options.",
    )
    expect(len(sent) == 1, f"You sent {len(sent)} messages for one photo. Send one.")
    task, arguments, keywords = _on_look_queue(sent.pop())
    expect(task == TASK, f"The message is for the task {task}, but it should be for {TASK}.")
    found = arguments[0] if arguments else keywords.get("image_id")
    expect(found == photo.pk, f"The message is for photo {found!r}, but it should be for photo {photo.pk}.")
    return "One message is sent if the outermost transaction is committed, and none if it is rolled back."


def turn_3(changed, evidence, photo) -> str:
    collection = isinstance(changed, (set, list, tuple, dict, frozenset))
    expect(collection, f"changed is {changed!r}, but it must be a set of names.")
    photo.refresh_from_db()
    expect(photo.is_processed, "The photo was never resized. Is a worker running?")
    changed, before = set(changed), evidence(photo)
    unknown = changed - before.keys()
    expect(not unknown, f"There is no {', '.join(map(repr, unknown))}. The names are {', '.join(before)}.")
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
        f"Before, there were {before['files']} files, and now there are {after['files']}. "
        "Let the storage overwrite the file (step 3.5).",
    )
    reasons = {
        "files": "The storage overwrites the file (step 3.5), so there is still one.",
        "name": "The name is made from the name of the upload, which is the same.",
        "bytes": "The same photo with the same options leads to the same bytes.",
        "queued_at": "The web process writes it when it sends a message. The second run sent none.",
        "written": "The file is written again with the same content, so its time is that of the last run.",
        "resize_seconds": "The row is written again, and no two runs take exactly the same time.",
    }
    for name in sorted(changed - really):
        expect(False, f"{name} has not changed. {reasons.get(name, '')}")
    for name in sorted(really - changed):
        expect(False, f"{name} has changed too. {reasons.get(name, '')}")
    return "Only the times of the file and of the resize differ, so the task is idempotent."


def turn_4(forgotten) -> str:
    from django.db import transaction
    from django.db.models import Q, QuerySet
    from images.models import UploadedImage

    if isinstance(forgotten, Q):
        forgotten = UploadedImage.objects.filter(forgotten)
    expect(
        not isinstance(forgotten, (list, tuple, set)),
        "forgotten is a list, which doesn't change later. Write a query: filter(…), without list().",
    )
    expect(
        isinstance(forgotten, QuerySet) and forgotten.model is UploadedImage,
        f"forgotten is a {type(forgotten).__name__}. Write a query: UploadedImage.objects.filter(…).",
    )
    found: set[int] = set()
    with contextlib.suppress(_RolledBack), transaction.atomic():
        rows = _rows_in_each_state()
        found = set(forgotten.all().values_list("pk", flat=True))
        raise _RolledBack
    for name, why in (
        ("resized", "Your query finds photos that are resized. Filter on is_processed."),
        ("failed", "Your query finds photos that have failed. Their failure_reason is not empty."),
        ("failed unqueued", "Your query finds a photo with a reason. Its failure_reason is not empty."),
        (
            "waiting",
            "Your query finds photos that are waiting for a worker. Their queued_at is not empty.",
        ),
    ):
        expect(rows[name] not in found, why)
    expect(
        rows["unqueued"] in found,
        "Your query doesn't find a photo that is not resized, without a reason and without queued_at. "
        "An empty reason is an empty string and not None, but an empty queued_at is None.",
    )
    return "queued_at is written after the message was sent, so such a row has no message."


def _rows_in_each_state() -> dict[str, int]:
    """Create photos without a file, an hour old. Call this only inside a transaction that is rolled back."""
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
    """Restore the photo's row at the end."""
    photo.refresh_from_db()
    kept = {"failure_reason": photo.failure_reason, "queued_at": photo.queued_at}
    try:
        yield
    finally:
        type(photo).objects.filter(pk=photo.pk).update(**kept)
        photo.refresh_from_db()


def _messages() -> dict[str, dict]:
    broker = redis.Redis.from_url(current_app.conf.broker_url)
    found = (json.loads(raw) for raw in broker.lrange(LOOK, 0, -1))
    return {message["headers"]["id"]: message for message in found}


def _ids_on_look_queue() -> set[str]:
    return set(_messages())


def _on_look_queue(task_id: str) -> tuple[str, list, dict]:
    message = _messages()[task_id]
    arguments, keywords, _ = json.loads(base64.b64decode(message["body"]))
    return message["headers"]["task"], arguments, keywords
