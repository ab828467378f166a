from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from workshop.checkkit import complain, expect, photos, task_name, until
from workshop.checkkit.celery_app import sending_to
from workshop.checkkit.photo_rows import mark_resized
from workshop.checkkit.queues import isolated_queue, photo_id
from workshop.system.ports import free_port

pytestmark = pytest.mark.step("5.3")

FILE = "upkeep/sweeping.py"
TASK = "images.tasks.resize_image_task"
SMALL = photos.jpeg(80, 60)


@pytest.fixture
def waiting(photo, settings):
    """waiting(age, times=0, queued=True, **fields) makes a photo whose last message is `age` × SWEEP_AFTER old."""

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
    """sweep() runs a sweep in this process."""
    from upkeep import sweeping

    return sweeping.sweep


def sent(queue):
    """Count the queued messages of each photo, by its id."""
    ours = [message for message in queue.messages() if message.task == task_name(TASK)]
    return Counter(photo_id(message) for message in ours)


def test_overdue(sweep, waiting, queue):
    """A photo is re-sent if its message is too old or if it was never queued. All other photos are left alone."""
    from upkeep import sweeping

    resized = waiting(1.2)
    mark_resized(resized)
    cases = {
        "has been waiting for longer than SWEEP_AFTER": (waiting(1.2), True),
        "was never queued": (waiting(1.2, queued=False), True),
        "was queued a moment ago": (waiting(0.8), False),
        "was uploaded a moment ago": (waiting(0.2, queued=False), False),
        "was uploaded long ago but queued a moment ago": (
            write(waiting(50), queued_at=timezone.now()),
            False,
        ),
        "has failed": (waiting(1.2, failure_reason="This picture is damaged or cut short."), False),
        "has been resized": (resized, False),
    }
    named = {photo.pk for photo in sweeping.overdue(timezone.now())}
    sweep()
    found = sent(queue)
    for what, (photo, due) in cases.items():
        times = found[photo.pk]
        if times == due:
            continue
        if due:
            complain(
                f"the sweep did not re-send a photo that {what}.",
                "overdue() returned the photo, but resend() sent no message for it."
                if photo.pk in named
                else "If the broker was down during the upload, queued_at is empty. Use uploaded_at instead."
                if not photo.queued_at
                else "According to its row, the photo has been waiting too long, so overdue() has to return it.",
                expected=f"a message {TASK}({photo.pk})",
                found="\n".join(map(str, queue.messages())) or "no message",
                file=f"{FILE}, {'resend' if photo.pk in named else 'overdue'}()",
            )
        complain(
            f"the sweep re-sent a photo that {what}.",
            "A photo that is resized or failed needs no message. Start with UploadedImage.objects.pending()."
            if photo.is_processed or photo.failure_reason
            else "The photo's message is probably still waiting. If each sweep re-sends every unfinished photo, "
            "the queue doubles every minute. Compare the age of queued_at with SWEEP_AFTER. Use uploaded_at "
            "only if queued_at is empty.",
            expected="no message for this photo",
            found=f"{times} × {TASK}({photo.pk})",
            file=f"{FILE}, overdue()",
        )


def test_once(sweep, waiting, queue):
    """If a photo has just been re-sent, the next sweep leaves it alone."""
    photo = waiting(1.2)
    sweep()
    sweep()
    photo.refresh_from_db()
    expect(
        sent(queue)[photo.pk] == 1,
        "two sweeps in a row re-sent the same photo.",
        "When you re-send a photo, update its row: set queued_at to now, and add 1 to sent_again.",
        expected="1 message",
        found=f"{sent(queue)[photo.pk]} messages, sent_again={photo.sent_again}, queued_at={photo.queued_at}",
        file=f"{FILE}, resend()",
    )
    expect(
        photo.sent_again == 1 and photo.queued_at and timezone.now() - photo.queued_at < timedelta(minutes=1),
        "a photo was re-sent, but its row was not updated.",
        "In resend(), set queued_at to now, and add 1 to sent_again.",
        expected="sent_again=1, queued_at=now",
        found=f"sent_again={photo.sent_again}, queued_at={photo.queued_at}",
        file=f"{FILE}, resend()",
    )


def test_waits_longer_each_time(sweep, waiting, queue, settings):
    """The sweeper doubles its wait after each re-send."""
    early = {times: waiting(2**times * 0.9, times) for times in range(settings.SWEEP_TIMES)}
    late = {times: waiting(2**times * 1.1, times) for times in range(settings.SWEEP_TIMES)}
    sweep()
    found = sent(queue)
    for times in early:
        after = f"{2**times} × SWEEP_AFTER"
        facts = {"expected": f"after {after}", "file": f"{FILE}, overdue()"}
        expect(
            not found[early[times].pk],
            f"the sweep re-sent a photo with sent_again={times} too soon.",
            "The photo's message may still be in a long queue. If the sweeper adds a message for every "
            "photo every ten minutes, the queue only grows. Double the wait for each re-send counted in "
            "sent_again.",
            found=f"a message after {0.9 * 2**times:g} × SWEEP_AFTER",
            **facts,
        )
        expect(
            found[late[times].pk] == 1,
            f"the sweep did not re-send a photo with sent_again={times} in time.",
            "The wait is SWEEP_AFTER seconds, doubled for each re-send: SWEEP_AFTER * 2**sent_again.",
            found=f"no message after {1.1 * 2**times:g} × SWEEP_AFTER",
            **facts,
        )


def test_gives_up(sweep, waiting, queue, settings):
    """After SWEEP_TIMES re-sends, the photo is marked as failed, with a reason."""
    photo, last = waiting(100), waiting(2**settings.SWEEP_TIMES * 0.9, settings.SWEEP_TIMES)
    for _ in range(settings.SWEEP_TIMES + 3):
        sweep()
        write(photo, queued_at=timezone.now() - timedelta(seconds=100 * settings.SWEEP_AFTER))
    times = sent(queue)[photo.pk]
    photo.refresh_from_db(), last.refresh_from_db()
    expect(
        times <= settings.SWEEP_TIMES,
        "the sweeper never stops re-sending a photo that cannot be resized.",
        "A photo that kills its worker process would do so again and again. Add 1 to sent_again "
        "for each re-send: once it reaches SWEEP_TIMES, sweep() marks the photo as failed.",
        expected=f"{settings.SWEEP_TIMES} messages (SWEEP_TIMES)",
        found=f"{times} messages after {settings.SWEEP_TIMES + 3} sweeps",
        file=FILE,
    )
    expect(
        times == settings.SWEEP_TIMES,
        "a waiting photo is marked as failed too soon.",
        "overdue() has to return each photo with sent_again from 0 to SWEEP_TIMES, and resend() has to add only "
        "1 to sent_again.",
        expected=f"{settings.SWEEP_TIMES} messages (SWEEP_TIMES)",
        found=f"{times}",
        file=FILE,
    )
    expect(
        photo.failure_reason,
        "a photo was re-sent SWEEP_TIMES times, but its page still says that it is waiting.",
        "overdue() has to return the photo once more, with sent_again=SWEEP_TIMES, so that mark_as_failed() "
        "writes the reason.",
        file=f"{FILE}, overdue()",
    )
    expect(
        not last.failure_reason,
        "a photo is marked as failed while its last message may still be in the queue.",
        expected=f"after {2**settings.SWEEP_TIMES} × SWEEP_AFTER",
        file=f"{FILE}, overdue()",
    )


def test_two_sweeps(sweep, waiting, queue, in_threads):
    """Two sweeps that run at the same time re-send each photo only once."""
    kept = [waiting(1.2) for _ in range(3)]
    errors = in_threads(sweep, sweep, after="images_uploadedimage")
    if errors:
        raise errors[0]
    found = sent(queue)
    expect(
        all(found[photo.pk] == 1 for photo in kept),
        "two sweeps ran at the same time, and both re-sent the same photos.",
        "Both sweeps read the row before either of them updated it. Use update() with a filter() that "
        "contains the queued_at and sent_again that this sweep read. update() returns the number of changed "
        "rows: send only if it is 1.",
        expected="1 message for each of 3 photos",
        found=", ".join(f"photo {photo.pk}: {found[photo.pk]}" for photo in kept),
        file=f"{FILE}, resend()",
    )


def test_not_overwritten(sweep, waiting, queue, run_between):
    """A sweep does not overwrite what a worker writes at the same time."""
    photo = waiting(1.2)
    run_between(sweep, "images_uploadedimage", lambda: mark_resized(photo))
    photo.refresh_from_db()
    expect(
        photo.is_processed and photo.resized_bytes,
        "a worker resized a photo during the sweep, but the row still says that the photo is waiting.",
        "save() writes all columns with the values that the sweep read earlier. Use update(), which writes only "
        "the columns that you name.",
        expected="is_processed=True",
        found=f"is_processed={photo.is_processed}",
        file=f"{FILE}, resend()",
    )


CHANGES = {
    "was resized": mark_resized,
    "was marked as failed": lambda photo: write(
        photo, failure_reason="This picture is damaged or cut short."
    ),
    "was queued again, with the button on its page,": lambda photo: write(photo, queued_at=timezone.now()),
}


@pytest.mark.parametrize("what", CHANGES)
def test_changed_meanwhile(sweep, waiting, queue, run_between, what):
    """A sweep sends nothing for a photo whose row has changed since the sweep read it."""
    photo, seen = waiting(1.2), []

    def change():
        CHANGES[what](photo)
        photo.refresh_from_db()
        seen.append(photo.sent_again)

    swept = run_between(sweep, "images_uploadedimage", change)
    if seen == [1]:
        return  # the sweep had locked the row, so the change had to wait until the message was sent
    facts = {"file": f"{FILE}, resend()"}
    expect(
        not sent(queue),
        f"a photo {what} after the sweep had read its row, but the sweep re-sent the photo.",
        "The row may have changed since the sweep read it. So start the update's filter() with "
        "UploadedImage.objects.pending(), and filter by the pk, queued_at and sent_again that this sweep read. "
        "Send only if a row was changed.",
        expected="no message",
        found="\n".join(map(str, queue.messages())),
        **facts,
    )
    expect(
        swept[0] == 0,
        f"a photo {what} after the sweep had read its row. The sweep did not re-send it, but counted it as re-sent.",
        "Return what update() returns, which is the number of changed rows.",
        expected="0 photos re-sent",
        found=f"{swept[0]} photos re-sent",
        **facts,
    )


def test_broker_gone(app, sweep, waiting):
    """If the message cannot be sent, the row does not change."""
    photo = waiting(1.2)
    before = (photo.queued_at, photo.sent_again)
    raised = None
    with sending_to(app, f"redis://localhost:{free_port()}/0"):
        try:
            sweep()
        except Exception as error:
            raised = error
    photo.refresh_from_db()
    expect(
        (photo.queued_at, photo.sent_again) == before,
        "the broker was down, so no message was sent, but the row says that one was sent.",
        "After three such sweeps, the photo would be marked as failed without a single message. "
        + (
            "Update the row and send the task inside transaction.atomic(): an exception then rolls the update back. Don't "
            "send it with on_commit() here: on_commit() sends it after the commit, when nothing can be rolled back."
            if raised
            else "Your code caught the exception of delay() inside the transaction, so nothing rolled the update back. Let "
            "the exception propagate out of transaction.atomic(). Don't send with enqueue(), which catches it."
        ),
        expected=f"sent_again={before[1]}, queued_at={before[0]}",
        found=f"sent_again={photo.sent_again}, queued_at={photo.queued_at}",
        file=f"{FILE}, resend()",
    )


def test_healed(app, worker, upload, settings, expect_success):
    """After the broker has lost everything, a sweep makes sure that every photo is resized and has exactly one resized file."""
    from images.models import UploadedImage
    from upkeep.tasks import sweep_task

    with isolated_queue(app) as lost:
        upload(*[(f"garden-{number}.jpg", SMALL) for number in range(4)])
        lost.purge()
    then = timezone.now() - timedelta(seconds=1.5 * settings.SWEEP_AFTER)
    UploadedImage.objects.update(uploaded_at=then, queued_at=then)
    expect_success(sweep_task.delay(), FILE)
    until(lambda: not UploadedImage.objects.filter(is_processed=False, failure_reason="").exists())
    expect_success(sweep_task.delay(), FILE)
    states = Counter(photo.state for photo in UploadedImage.objects.all())
    expect(
        states == {"resized": 4},
        "the broker lost the messages of four photos, but after a sweep, not all four photos were resized.",
        expected="4 resized",
        found=", ".join(f"{count} {state}" for state, count in states.items()),
        file=FILE,
    )
    files = [file for file in Path(settings.MEDIA_ROOT, "resized").rglob("*") if file.is_file()]
    expect(
        len(files) == 4,
        "there is not exactly one resized file for each of the four photos.",
        found=len(files),
        file=FILE,
    )
