from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from workshop.checkkit import complain, expect, photos

pytestmark = pytest.mark.step("2.6")

FILE = "images/views.py, describe_later()"


@pytest.fixture
def message(client, photo, queue):
    """The message that describe_later sends, and when the view was called."""
    kept = photo(photos.jpeg())
    before = datetime.now(UTC)
    client.post(reverse("images:describe_later", args=[kept.pk]))
    after = datetime.now(UTC)
    messages = queue.messages()
    if len(messages) != 1:
        complain(
            "the view does not send one task.",
            expected="1 message: describe_photo_task",
            found="\n".join(map(str, messages)) or "none",
            file=FILE,
        )
    sent = [*messages[0].args, *messages[0].kwargs.values()]
    expect(sent == [kept.pk], "the message does not carry the photo's id.", found=str(messages[0]), file=FILE)
    return messages[0], before, after


def between(text, before, after, seconds):
    found = datetime.fromisoformat(text)
    return before + timedelta(seconds=seconds - 1) <= found <= after + timedelta(seconds=seconds + 1)


def test_countdown(message):
    """The task is not to start before ten seconds have passed."""
    message, before, after = message
    eta = message.headers["eta"]
    expect(
        eta and between(eta, before, after, 10),
        "the task does not wait for ten seconds.",
        "countdown=10 writes the time into the message (eta). The worker takes the message at once and holds it. "
        "time.sleep() in the view would hold the visitor instead.",
        expected="an eta 10 seconds ahead",
        found=f"eta {eta}" if eta else "no eta: it starts at once",
        file=FILE,
    )


def test_expires(message):
    """A worker that comes too late leaves the task."""
    message, before, after = message
    expires = message.headers["expires"]
    expect(
        expires and between(expires, before, after, 70),
        "the task does not expire after seventy seconds.",
        "expires counts from the moment of sending, as countdown does: 10 seconds to wait and a minute to be late.",
        expected="expires 70 seconds ahead",
        found=f"expires {expires}" if expires else "no expiry: it would run hours later, for nobody",
        file=FILE,
    )


def test_expired_is_not_run(app, worker, photo):
    """A task that has expired is not run; its state is REVOKED."""
    from images.tasks import describe_photo_task

    from workshop.checkkit import until

    task = describe_photo_task.apply_async((photo(photos.jpeg()).pk,), expires=-1)
    found = until(lambda: task.state != "PENDING" and task.state)
    expect(found == "REVOKED", "an expired task was run.", expected="REVOKED", found=found)
