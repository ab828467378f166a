"""The turns of notebook 03."""

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
"""The queue that no worker takes from."""
TASK = "images.tasks.resize_image_task"
LONGEST_WAIT, AWAY, TOO_LONG = 30, 120, 300
"""Seconds: of one wait; how long the storage is away; the longest until the last attempt."""


class _RolledBack(Exception):
    """Ends a transaction that is only for a look."""


def turn_1(options) -> str:
    expect(isinstance(options, dict), "options is to be a dictionary, as you would hand it to @shared_task.")
    expect(... not in options.values(), YOURS)
    unknown = options.keys() - {"retry_backoff", "retry_backoff_max", "retry_jitter", "max_retries"}
    expect(not unknown, f"Celery would take no notice of {', '.join(sorted(map(str, unknown)))} here.")
    backoff = options.get("retry_backoff", False)
    expect(
        backoff, "Without retry_backoff nothing doubles: every wait is default_retry_delay, three minutes."
    )
    most = options.get("max_retries", 3)
    expect(most is not None, "max_retries=None tries for ever: then there is no last attempt.")
    expect(isinstance(most, int), f"max_retries is {most!r}. It is a number of attempts, a whole one.")
    factor, maximum = int(max(1.0, float(backoff))), int(options.get("retry_backoff_max", 600))
    waits = [get_exponential_backoff_interval(factor, retries, maximum) for retries in range(most)]
    said = " + ".join(map(str, waits)) if len(waits) <= 12 else f"{len(waits)} waits"
    expect(waits, "max_retries=0 means no retry at all.")
    expect(
        max(waits) <= LONGEST_WAIT,
        f"{said}: one of the waits is {max(waits)} s. retry_backoff_max is the lid, else it is 600 s.",
    )
    expect(
        sum(waits) >= AWAY,
        f"{said} = {sum(waits)} s, and then it gives up. The storage may be away for {AWAY} s. "
        "More retries? Without max_retries there are three.",
    )
    expect(
        sum(waits) <= TOO_LONG,
        f"{said} = {sum(waits)} s until the last attempt. Five minutes are {TOO_LONG} s: fewer retries.",
    )
    return (
        f"{said} = {sum(waits)} s without jitter. With jitter that is the longest time, and about half of it "
        "is usual: then two minutes are not certain any more. Who needs them takes more retries."
    )


def turn_2(resend, photo) -> str:
    from django.db import transaction

    expect(callable(resend), "resend is to be a function that takes a photo.")
    with _row_kept(photo):
        before = _ids_on_look_queue()
        with contextlib.suppress(_RolledBack), transaction.atomic():
            try:
                resend(photo)
            except TypeError as error:
                expect(
                    "callback" not in str(error),
                    "on_commit got what a call returned, so the message was sent already. Hand over the "
                    "function and its arguments: functools.partial(…), or apply_async_on_commit.",
                )
                raise
            raise _RolledBack
        expect(
            not _ids_on_look_queue() - before,
            "The caller's transaction was rolled back, and the message is on the broker. "
            "A with-block of your own that has ended is no commit: only the outermost one is. "
            "Register the sending, for after the commit.",
        )
        before = _ids_on_look_queue()
        resend(photo)
        sent = _ids_on_look_queue() - before
    expect(
        sent,
        f'All was committed, and nothing is on the queue "{LOOK}". '
        f'Was it sent, to the default queue perhaps? apply_async_on_commit takes queue="{LOOK}", '
        "delay_on_commit takes no options.",
    )
    expect(len(sent) == 1, f"One photo, and {len(sent)} messages.")
    task, arguments, keywords = _on_look_queue(sent.pop())
    expect(task == TASK, f"The message is for {task}, not for {TASK}.")
    found = arguments[0] if arguments else keywords.get("image_id")
    expect(found == photo.pk, f"The message is about photo {found!r}, and the photo is {photo.pk}.")
    return "Nothing is sent when the outermost transaction is rolled back; one message when it is committed."


def turn_3(changed, evidence, photo) -> str:
    collection = isinstance(changed, (set, list, tuple, dict, frozenset))
    expect(collection, f"changed is {changed!r}. A set is needed.")
    photo.refresh_from_db()
    expect(photo.is_processed, "The photo has never been resized. Is a worker up?")
    changed, before = set(changed), evidence(photo)
    unknown = changed - before.keys()
    expect(not unknown, f"{', '.join(map(repr, unknown))}: the names are {', '.join(before)}.")
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
        f"In this project there were {before['files']} files, and now there are {after['files']}. That is "
        "step 3.5: let the storage write over its own file.",
    )
    reasons = {
        "files": "The storage writes over its own file (step 3.5): there is still one.",
        "name": "The name comes from the photo's own, in a folder for its id, and is written over.",
        "bytes": "The same photo, the same options: the same bytes.",
        "queued_at": "Who sends writes that one, the site. A message that comes back is not sent anew.",
        "written": "The file is written again, with the same content: its time is that of the last run.",
        "resize_seconds": "The row is written again, and the resize never takes the same time twice.",
    }
    for name in sorted(changed - really):
        expect(False, f"{name} has not changed. {reasons.get(name, '')}")
    for name in sorted(really - changed):
        expect(False, f"One more has changed: {name}. {reasons.get(name, '')}")
    return "Only two times differ, of the file and of the resize. No visitor sees it: that is idempotent."


def turn_4(forgotten) -> str:
    from django.db import transaction
    from django.db.models import Q, QuerySet
    from images.models import UploadedImage

    if isinstance(forgotten, Q):
        forgotten = UploadedImage.objects.filter(forgotten)
    expect(
        not isinstance(forgotten, (list, tuple, set)),
        "That is a list, and it is true for this moment only. Leave it a query: filter(…), without list().",
    )
    expect(
        isinstance(forgotten, QuerySet) and forgotten.model is UploadedImage,
        f"forgotten is a {type(forgotten).__name__}. A query is needed: UploadedImage.objects.filter(…).",
    )
    found: set[int] = set()
    with contextlib.suppress(_RolledBack), transaction.atomic():
        rows = _rows_in_each_state()
        found = set(forgotten.all().values_list("pk", flat=True))
        raise _RolledBack
    for name, why in (
        ("resized", "It finds photos that are resized. is_processed says so."),
        ("failed", "It finds photos that have failed for good. Their failure_reason is not empty."),
        ("failed unqueued", "It finds a photo whose failure_reason is not empty: somebody was told why."),
        ("waiting", "It finds photos that wait for a worker. queued_at is when their message was sent."),
    ):
        expect(rows[name] not in found, why)
    expect(
        rows["unqueued"] in found,
        "A photo that is not resized, without a reason and without queued_at, is not found. An empty reason "
        "is an empty text and not None; an empty queued_at is None.",
    )
    return "The row tells the truth: queued_at is written behind the sending. Somebody only has to look."


def _rows_in_each_state() -> dict[str, int]:
    """Photos without a file, an hour old; only inside a transaction that is rolled back."""
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
    """The photo's row is afterwards as before."""
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
