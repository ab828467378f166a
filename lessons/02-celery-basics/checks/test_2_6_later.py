from datetime import UTC, datetime

import pytest

from workshop.checkkit import complain, expect, photos, until

pytestmark = pytest.mark.step("2.6")

FILE = "images/views.py, describe_later()"

WAITS = "The request waits, in time.sleep() or in .get(). With countdown, the message waits, and the visitor does not."


@pytest.fixture
def later(press, photo):
    """The message that describe_later sends, the view's answer, and when the view was called and had answered."""
    kept = photo(photos.jpeg())
    began = datetime.now(UTC)
    response, messages = press("describe_later", kept, file=FILE, waits=WAITS)
    over = datetime.now(UTC)
    if len(messages) != 1:
        complain(
            "the view does not send exactly one task.",
            expected="1 message: describe_photo_task",
            found="\n".join(map(str, messages)) or "none",
            file=FILE,
        )
    sent = [*messages[0].args, *messages[0].kwargs.values()]
    expect(
        sent in ([kept.pk], [str(kept.pk)]),
        "the message does not contain the photo's id as its only argument.",
        "apply_async() takes the task's arguments first, in a tuple or list, followed by named options.",
        found=str(messages[0]),
        file=FILE,
    )
    return messages[0], response, began, over


def ahead(later, option):
    """How many seconds the message's eta or expires is ahead of the answer and of the call, (None, None) without one.

    It was sent in between. Complains without a time zone.
    """
    message, _, began, over = later
    text = message.headers[option]
    if text is None:
        return None, None
    moment = datetime.fromisoformat(text)
    expect(
        moment.tzinfo,
        f"the message's {option} has no time zone.",
        "A worker treats such a time as UTC, which may not be your local time. timezone.now() from django.utils has a "
        "time zone. A number of seconds needs none.",
        found=f"{option} {text}",
        file=FILE,
    )
    return (moment - over).total_seconds(), (moment - began).total_seconds()


def shown(option, found):
    return f"{option} {found:.0f} seconds ahead" if found is not None else f"no {option}"


def test_countdown(later):
    """The task starts after ten seconds, not before."""
    least, found = ahead(later, "eta")
    expect(
        found is not None and least <= 11 and found >= 9,
        "the task does not start ten seconds later.",
        "countdown=10 writes a time into the message (eta), and the worker keeps the message until then. "
        "time.sleep() in the view would make the visitor wait, and in the task it would tie up a worker process.",
        expected="an eta 10 seconds ahead",
        found=shown("eta", found) + (", so it starts at once" if found is None else ""),
        file=FILE,
    )


def test_expires(later):
    """A worker that gets to the task too late skips it."""
    least, found = ahead(later, "expires")
    expect(
        found is not None and least <= 71 and found >= 69,
        "the task does not expire after seventy seconds.",
        "expires counts seconds from the moment of sending, as countdown does: 10 seconds until the task starts, "
        "plus a minute.",
        expected="expires 70 seconds ahead",
        found=shown("expires", found)
        + (", so it would even run hours later, when nobody needs it" if found is None else ""),
        file=FILE,
    )


def test_page_follows_the_task(later):
    """The view redirects to the page that shows this task."""
    message, response, *_ = later
    expect(
        response.status_code == 302 and message.headers["id"] in response.url,
        "the view sent the task, but does not redirect to the page that shows it.",
        "Return redirect_to_task(photo, task). task is the AsyncResult that apply_async() returned.",
        expected=f"a redirect to …?task={message.headers['id']}",
        found=f"{response.status_code} {response.get('Location', '')}",
        file=FILE,
    )


def test_expired_is_not_run(describe_photo_task, worker, photo):
    """A task that has expired does not run, and its state is REVOKED."""
    task = describe_photo_task.apply_async((photo(photos.jpeg()).pk,), expires=-1)
    found = until(lambda: task.state != "PENDING" and task.state)
    expect(found == "REVOKED", "the worker ran a task that had expired.", expected="REVOKED", found=found)
