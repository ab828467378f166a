import contextlib
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from workshop.checkkit import complain, expect, photos, until
from workshop.checkkit.rows import finish
from workshop.checkkit.worker import _send_to, aside
from workshop.ports import free_port

pytestmark = pytest.mark.step("5.3")

FILE = "upkeep/sweeping.py"
TASK = "images.tasks.resize_image_task"
SMALL = photos.jpeg(80, 60)


@pytest.fixture
def waiting(photo, settings):
    """waiting(age, times=0, queued=True, **fields) is a photo whose last message is `age` × SWEEP_AFTER old."""

    def make(age, times=0, queued=True, **fields):
        kept = photo(SMALL)
        then = timezone.now() - timedelta(seconds=age * settings.SWEEP_AFTER)
        fields |= {"uploaded_at": then, "queued_at": then if queued else None, "sent_again": times}
        return write(kept, **fields)

    return make


def write(photo, **fields):
    type(photo).objects.filter(pk=photo.pk).update(**fields)
    photo.refresh_from_db()
    return photo


@pytest.fixture
def sweep(app):
    """sweep() sweeps in this process."""
    from upkeep import sweeping

    return sweeping.sweep


def sent(queue):
    """How often a task for each photo lies on the queue, by its id."""
    ours = [message for message in queue.messages() if message.task == TASK]
    return Counter((message.args or [message.kwargs.get("image_id")])[0] for message in ours)


def test_overdue(sweep, waiting, queue):
    """A photo whose message is too old is sent again, and so is one that was never queued. No other."""
    resized = waiting(1.2)
    finish(resized)
    cases = {
        "waits for longer than SWEEP_AFTER": (waiting(1.2), True),
        "was never queued": (waiting(1.2, queued=False), True),
        "was queued a moment ago": (waiting(0.8), False),
        "was uploaded a moment ago": (waiting(0.2, queued=False), False),
        "was uploaded long ago, and queued a moment ago": (
            write(waiting(50), queued_at=timezone.now()),
            False,
        ),
        "has failed": (waiting(1.2, failure_reason="This picture is damaged or cut short."), False),
        "is resized": (resized, False),
    }
    sweep()
    found = sent(queue)
    for what, (photo, due) in cases.items():
        times = found[photo.pk]
        if times == due:
            continue
        if due:
            complain(
                f"a photo that {what} is not sent again.",
                "queued_at is empty when the broker was away at the upload: then the time of the upload counts."
                if not photo.queued_at
                else "Its message is lost, for all that its row can tell.",
                expected=f"a message {TASK}({photo.pk})",
                found="\n".join(map(str, queue.messages())) or "no message",
                file=f"{FILE}, overdue()",
            )
        complain(
            f"a photo that {what} is sent again.",
            "It is done, and the visitor may have seen why it failed."
            if photo.is_processed or photo.failure_reason
            else "Its message waits its turn. A sweep that sends all that is not done doubles the queue every minute.",
            expected="no message for it",
            found=f"{times} × {TASK}({photo.pk})",
            file=f"{FILE}, overdue()",
        )


def test_once(sweep, waiting, queue):
    """What was sent again just now is not sent again by the next sweep."""
    photo = waiting(1.2)
    sweep()
    sweep()
    photo.refresh_from_db()
    expect(
        sent(queue)[photo.pk] == 1,
        "two sweeps, one after the other, sent the same photo twice.",
        "The row has to say that it was sent: queued_at is the time of its last message, sent_again how many there "
        "were.",
        expected="1 message",
        found=f"{sent(queue)[photo.pk]} messages, sent_again={photo.sent_again}, queued_at={photo.queued_at}",
        file=f"{FILE}, resend()",
    )
    expect(
        photo.sent_again == 1 and photo.queued_at and timezone.now() - photo.queued_at < timedelta(minutes=1),
        "the photo was sent again, and its row does not say so.",
        expected="sent_again=1, queued_at=now",
        found=f"sent_again={photo.sent_again}, queued_at={photo.queued_at}",
        file=f"{FILE}, resend()",
    )


def test_waits_longer_each_time(sweep, waiting, queue, settings):
    """Each message gets twice as long as the one before it."""
    early = {times: waiting(2**times * 0.9, times) for times in range(settings.SWEEP_TIMES)}
    late = {times: waiting(2**times * 1.1, times) for times in range(settings.SWEEP_TIMES)}
    sweep()
    found = sent(queue)
    for times in early:
        after = f"{2**times} × SWEEP_AFTER"
        facts = {"expected": f"after {after}", "file": f"{FILE}, overdue()"}
        expect(
            not found[early[times].pk],
            f"a photo that was sent again {times} times is sent once more too soon.",
            "A long queue is no loss. When every photo in it gets one more message every ten minutes, it only grows.",
            found=f"a message after {0.9 * 2**times:g} × SWEEP_AFTER",
            **facts,
        )
        expect(
            found[late[times].pk] == 1,
            f"a photo that was sent again {times} times is not sent once more.",
            found=f"no message after {1.1 * 2**times:g} × SWEEP_AFTER",
            **facts,
        )


def test_gives_up(sweep, waiting, queue, settings):
    """After SWEEP_TIMES messages the photo is given up, and says why."""
    photo, last = waiting(100), waiting(2**settings.SWEEP_TIMES * 0.9, settings.SWEEP_TIMES)
    for _ in range(settings.SWEEP_TIMES + 3):
        sweep()
        write(photo, queued_at=timezone.now() - timedelta(seconds=100 * settings.SWEEP_AFTER))
    times = sent(queue)[photo.pk]
    photo.refresh_from_db(), last.refresh_from_db()
    expect(
        times <= settings.SWEEP_TIMES,
        "a photo that nobody can resize is sent again for ever.",
        "A photo that kills its worker each time would kill one every few minutes, for years.",
        expected=f"{settings.SWEEP_TIMES} messages (SWEEP_TIMES)",
        found=f"{times} messages after {settings.SWEEP_TIMES + 3} sweeps",
        file=FILE,
    )
    expect(
        times == settings.SWEEP_TIMES,
        "a photo that waits is given up too soon.",
        expected=f"{settings.SWEEP_TIMES} messages (SWEEP_TIMES)",
        found=f"{times}",
        file=FILE,
    )
    expect(
        photo.failure_reason,
        "a photo was sent again as often as SWEEP_TIMES says, and its page still says that it waits.",
        "overdue() has to find it once more, so that mark_as_failed() can tell the visitor.",
        file=f"{FILE}, overdue()",
    )
    expect(
        not last.failure_reason,
        "a photo is given up while its last message may still be on its way.",
        expected=f"after {2**settings.SWEEP_TIMES} × SWEEP_AFTER",
        file=f"{FILE}, overdue()",
    )


def test_two_sweeps(sweep, waiting, queue, together):
    """Two sweeps at the same moment send each photo once."""
    kept = [waiting(1.2) for _ in range(3)]
    errors = together(sweep, sweep, after="images_uploadedimage")
    if errors:
        raise errors[0]
    found = sent(queue)
    expect(
        all(found[photo.pk] == 1 for photo in kept),
        "two sweeps looked at the same moment, and both sent the same photos.",
        "Both have read the row before either wrote. An update() whose filter() has queued_at and sent_again as this "
        "sweep has seen them changes the row for one of the two: it returns how many rows it changed.",
        expected="1 message for each of 3 photos",
        found=", ".join(f"photo {photo.pk}: {found[photo.pk]}" for photo in kept),
        file=f"{FILE}, resend()",
    )


def test_not_overwritten(sweep, waiting, queue, meanwhile):
    """What a worker writes while the sweep is at the photo stays."""
    photo = waiting(1.2)
    meanwhile(sweep, "images_uploadedimage", lambda: finish(photo))
    photo.refresh_from_db()
    expect(
        photo.is_processed and photo.resized_bytes,
        "a worker resized the photo while the sweep was at it, and the row says again that it waits.",
        "save() writes all columns as they were when the sweep read them. update() writes those that you name.",
        expected="is_processed=True",
        found=f"is_processed={photo.is_processed}",
        file=f"{FILE}, resend()",
    )


def test_broker_gone(app, sweep, waiting):
    """When the message cannot be sent, the row stays as it was."""
    photo = waiting(1.2)
    before = (photo.queued_at, photo.sent_again)
    _send_to(app, f"redis://localhost:{free_port()}/0")
    try:
        with contextlib.suppress(Exception):
            sweep()
    finally:
        _send_to(app, None)
    photo.refresh_from_db()
    expect(
        (photo.queued_at, photo.sent_again) == before,
        "the broker was away, nothing was sent, and the row says that it was.",
        "Three such sweeps, and the photo is given up without a single message. What is written and what is sent "
        "belong together: inside transaction.atomic() an exception takes the update back.",
        expected=f"sent_again={before[1]}, queued_at={before[0]}",
        found=f"sent_again={photo.sent_again}, queued_at={photo.queued_at}",
        file=f"{FILE}, resend()",
    )


def test_healed(app, worker, upload, settings, done):
    """The broker loses everything, the sweep comes, and every photo is resized: one file each."""
    from images.models import UploadedImage
    from upkeep.tasks import sweep_task

    with aside(app) as lost:
        upload(*[(f"garden-{number}.jpg", SMALL) for number in range(4)])
        lost.purge()
    then = timezone.now() - timedelta(seconds=1.5 * settings.SWEEP_AFTER)
    UploadedImage.objects.update(uploaded_at=then, queued_at=then)
    done(sweep_task.delay(), FILE)
    until(lambda: not UploadedImage.objects.filter(is_processed=False, failure_reason="").exists())
    done(sweep_task.delay(), FILE)
    states = Counter(photo.state for photo in UploadedImage.objects.all())
    expect(
        states == {"resized": 4},
        "the broker lost the messages of four photos, a sweep came, and not all are resized.",
        expected="4 resized",
        found=", ".join(f"{count} {state}" for state, count in states.items()),
        file=FILE,
    )
    files = [file for file in Path(settings.MEDIA_ROOT, "resized").rglob("*") if file.is_file()]
    expect(len(files) == 4, "there is not one file for each photo.", found=len(files), file=FILE)
