from datetime import UTC, datetime

import pytest

from workshop.checkkit import complain, expect, photos, until

pytestmark = pytest.mark.step("2.6")

FILE = "images/views.py, describe_later()"

WAITS = (
    "Something holds the request: time.sleep(), or .get(). With countdown the message waits, and the visitor "
    "does not."
)


@pytest.fixture
def later(press, photo):
    """The message that describe_later sends, the view's answer, and when the view was called and had answered."""
    kept = photo(photos.jpeg())
    began = datetime.now(UTC)
    response, messages = press("describe_later", kept, file=FILE, waits=WAITS)
    over = datetime.now(UTC)
    if len(messages) != 1:
        complain(
            "the view does not send one task.",
            expected="1 message: describe_photo_task",
            found="\n".join(map(str, messages)) or "none",
            file=FILE,
        )
    sent = [*messages[0].args, *messages[0].kwargs.values()]
    expect(
        sent in ([kept.pk], [str(kept.pk)]),
        "the message does not carry the photo's id, and only that.",
        "apply_async() takes the task's arguments first, in a tuple or list; options come behind it by their names.",
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
        "A worker takes such a time for UTC, and your clock may show another. timezone.now(), from django.utils, "
        "knows its zone. A number of seconds needs none.",
        found=f"{option} {text}",
        file=FILE,
    )
    return (moment - over).total_seconds(), (moment - began).total_seconds()


def shown(option, found):
    return f"{option} {found:.0f} seconds ahead" if found is not None else f"no {option}"


def test_countdown(later):
    """The task is not to start before ten seconds have passed."""
    least, found = ahead(later, "eta")
    expect(
        found is not None and least <= 11 and found >= 9,
        "the task does not wait for ten seconds.",
        "countdown=10 writes the time into the message (eta). The worker takes the message at once and holds it. "
        "time.sleep() in the view would hold the visitor instead, and in the task a process of the worker.",
        expected="an eta 10 seconds ahead",
        found=shown("eta", found) + (": it starts at once" if found is None else ""),
        file=FILE,
    )


def test_expires(later):
    """A worker that comes too late leaves the task."""
    least, found = ahead(later, "expires")
    expect(
        found is not None and least <= 71 and found >= 69,
        "the task does not expire after seventy seconds.",
        "expires is in seconds and counts from the moment of sending, as countdown does: 10 seconds to wait and a "
        "minute to be late.",
        expected="expires 70 seconds ahead",
        found=shown("expires", found) + (": it would run hours later, for nobody" if found is None else ""),
        file=FILE,
    )


def test_page_follows_the_task(later):
    """The page that comes next follows this task."""
    message, response, *_ = later
    expect(
        response.status_code == 302 and message.headers["id"] in response.url,
        "after sending, the view does not go on to the page that follows the task.",
        "redirect_to_task() makes the address: it takes the photo, and what apply_async() returned.",
        expected=f"a redirect to …?task={message.headers['id']}",
        found=f"{response.status_code} {response.get('Location', '')}",
        file=FILE,
    )


def test_expired_is_not_run(describe_photo_task, worker, photo):
    """A task that has expired is not run; its state is REVOKED."""
    task = describe_photo_task.apply_async((photo(photos.jpeg()).pk,), expires=-1)
    found = until(lambda: task.state != "PENDING" and task.state)
    expect(found == "REVOKED", "an expired task was run.", expected="REVOKED", found=found)
