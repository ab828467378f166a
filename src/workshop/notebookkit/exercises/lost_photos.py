"""Check exercises about photos whose messages were lost or never sent."""

from datetime import timedelta

from workshop.checkkit import complain, expect
from workshop.checkkit.photo_rows import RESIZED

from .answers import expect_answered, expect_type
from .restored_rows import rolled_back

OUTCOMES = ("sent", "not yet", "failed", "never")
REASONS = {
    "a": "The photo's first message is eleven minutes old, but the sweeper waits only ten minutes.",
    "b": "The photo was already re-sent once, so the sweeper waits twenty minutes for this message.",
    "c": "No message was ever sent for this photo, so the sweeper uses the time of the upload.",
    "d": "The photo was re-sent three times, and its last message is more than eighty minutes old.",
    "e": "The photo has failed and has a reason. The sweeper looks only for pending photos.",
}


def photos_without_a_message(forgotten) -> str:
    """Check exercise 3.4: a query for photos that have no failure reason and no message."""
    from django.db.models import Q, QuerySet
    from images.models import UploadedImage

    if isinstance(forgotten, Q):
        forgotten = UploadedImage.objects.filter(forgotten)
    expect(
        not isinstance(forgotten, (list, tuple, set)),
        "forgotten is a list or another collection, which doesn't reflect later changes. Write a query with "
        "filter(…), but without list().",
    )
    expect(
        isinstance(forgotten, QuerySet) and forgotten.model is UploadedImage,
        f"forgotten is of type {type(forgotten).__name__}. Write a query: UploadedImage.objects.filter(…).",
    )
    with rolled_back():
        photos = _photos_in_each_state()
        ids = set(forgotten.all().values_list("pk", flat=True))
    for state, why in (
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
        expect(photos[state] not in ids, why)
    expect(
        photos["unqueued"] in ids,
        "Your query doesn't find a photo that has not been resized and has neither a failure_reason nor a "
        "queued_at. "
        "An empty failure_reason is an empty string, but an empty queued_at is None.",
    )
    return (
        "queued_at is set only after a message has been sent, so an empty queued_at means that no message "
        "has been sent."
    )


def _photos_in_each_state() -> dict[str, int]:
    """Create a photo row for each state, and return the rows' IDs by state. The caller undoes the inserts.

    Each row is an hour old, and its photo has no file.
    """
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
    photos = {state: UploadedImage.objects.create(**columns).pk for state, columns in states.items()}
    UploadedImage.objects.filter(pk__in=photos.values()).update(uploaded_at=hour_ago)
    return photos


def what_the_sweeper_does(cases, predicted) -> str:
    """Check exercise 5.4: predictions of what the sweeper does with five photos."""
    expect_type("predicted", predicted, dict, "a dictionary. Change only the values")
    expect_answered(*predicted.values())
    listed = ", ".join(OUTCOMES)
    expect(
        predicted.keys() >= cases.keys(),
        f"For each photo ({', '.join(cases)}), write what the sweeper does: {listed}.",
    )
    unknown = [value for value in predicted.values() if value not in OUTCOMES]
    expect(not unknown, f"{unknown[:1]} is not a possible prediction. Choose one of {listed}.")
    wrong = [photo for photo, columns in cases.items() if predicted[photo] != _outcome(columns)]
    if wrong:
        right = len(cases) - len(wrong)
        complain(
            f"{right} of {len(cases)} predictions are right. Think again about photo {wrong[0]}.",
            REASONS.get(wrong[0], ""),
        )
    return "The check called your project's overdue() in a transaction and then rolled the transaction back."


def _outcome(columns: dict) -> str:
    """Create a row with these values, return what the sweeper does with the photo, and undo the insert."""
    from django.conf import settings
    from django.test import override_settings
    from django.utils import timezone
    from images.models import UploadedImage
    from upkeep.sweeping import overdue

    blank = {"is_processed": False, "failure_reason": "", "sent_again": 0, "queued_at": None}
    with override_settings(SWEEP_AFTER=600, SWEEP_TIMES=3), rolled_back():
        photo = UploadedImage.objects.create(image="a-case.jpg", width=1, height=1)
        rows = UploadedImage.objects.filter(pk=photo.pk)
        rows.update(**blank | columns)
        if overdue_photo := overdue(timezone.now()).filter(pk=photo.pk).first():
            return "failed" if overdue_photo.sent_again >= settings.SWEEP_TIMES else "sent"
        return "not yet" if rows.pending().exists() else "never"
