from datetime import UTC, datetime

import pytest

from workshop.checkkit import complain, expect, photos, until

pytestmark = pytest.mark.step("2.6")

FILE = "images/views.py, describe_later()"

WAITS = (
    "The request blocks in time.sleep() or .get(). With countdown, the message waits instead of the visitor."
)


@pytest.fixture
def later(press, photo):
    """Return the message that describe_later() sends, its response, and the times right before and after the call."""
    kept = photo(photos.jpeg())
    began = datetime.now(UTC)
    response, messages = press("describe_later", kept, file=FILE, waits=WAITS)
    over = datetime.now(UTC)
    if len(messages) != 1:
        complain(
            f"the view sent {len(messages)} messages instead of one.",
            expected="1 message: describe_photo_task",
            found="\n".join(map(str, messages)) or "none",
            file=FILE,
        )
    sent = [*messages[0].args, *messages[0].kwargs.values()]
    expect(
        sent in ([kept.pk], [str(kept.pk)]),
        "the message should contain the photo's id and no other argument.",
        "apply_async() takes the task's arguments first, as a tuple or list, followed by options that you pass by name.",
        found=str(messages[0]),
        file=FILE,
    )
    return messages[0], response, began, over


def ahead(later, option):
    """Return how many seconds the message's `option` (eta or expires) is after the response and after the call.

    The message was sent between the call and the response. Returns (None, None) if the option is not set, and
    fails if the time has no time zone.
    """
    message, _, began, over = later
    text = message.headers[option]
    if text is None:
        return None, None
    moment = datetime.fromisoformat(text)
    expect(
        moment.tzinfo,
        f"the message's {option} has no time zone.",
        "A worker treats a time without a time zone as UTC, which may not be your local time. Use timezone.now() from "
        "django.utils, or pass a number of seconds.",
        found=f"{option} {text}",
        file=FILE,
    )
    return (moment - over).total_seconds(), (moment - began).total_seconds()


def shown(option, found, missing):
    return missing if found is None else f"{option} {found:.0f} seconds from now"


def test_countdown(later):
    """The task starts in ten seconds at the earliest."""
    least, found = ahead(later, "eta")
    expect(
        found is not None and least <= 10.5 and found >= 9.5,
        "the task is not delayed by ten seconds.",
        "countdown=10 puts a start time (eta) into the message, and the worker keeps the message until then. "
        "time.sleep() in the view would make the visitor wait, and time.sleep() in the task would tie up a worker "
        "process.",
        expected="an eta 10 seconds from now",
        found=shown("eta", found, "the message has no eta, so the task starts immediately"),
        file=FILE,
    )


def test_expires(later):
    """If a worker gets to the task too late, it skips the task."""
    least, found = ahead(later, "expires")
    expect(
        found is not None and least <= 70.5 and found >= 69.5,
        "the task does not expire after seventy seconds.",
        "Like countdown, expires counts seconds from the moment you send the task. Use 70: 10 seconds until the task "
        "starts, plus a minute.",
        expected="expires 70 seconds from now",
        found=shown(
            "expires",
            found,
            "the message doesn't expire, so the task could still run hours later, when nobody needs it anymore",
        ),
        file=FILE,
    )


def test_page_follows_the_task(later):
    """The view redirects to the page that shows this task."""
    message, response, *_ = later
    expect(
        response.status_code == 302 and message.headers["id"] in response.url,
        "the view sent the task, but it did not redirect to the page that shows the task.",
        "Return redirect_to_task(photo, task), where task is the AsyncResult that apply_async() returned.",
        expected=f"a redirect to …?task={message.headers['id']}",
        found=f"{response.status_code} {response.get('Location', '')}",
        file=FILE,
    )


def test_expired_is_not_run(describe_photo_task, worker, photo):
    """An expired task does not run, and its state is REVOKED."""
    task = describe_photo_task.apply_async((photo(photos.jpeg()).pk,), expires=-1)
    found = until(lambda: task.state != "PENDING" and task.state)
    expect(found == "REVOKED", "the worker ran an expired task.", expected="REVOKED", found=found)
