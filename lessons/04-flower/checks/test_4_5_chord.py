from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import resolve, reverse

from workshop.checkkit import as_json, complain, expect, photos, task_name, until

pytestmark = pytest.mark.step("4.5")

FILE = "images/queueing.py, enqueue_summary()"
HEADER_TASK = "images.tasks.describe_for_summary_task"
CALLBACK = "images.tasks.summarize_task"
NOT_CALLED = (
    "To send a chord, call it with its callback: chord(header)(callback). The call returns the AsyncResult "
    "of the callback."
)
SIGNATURE = (
    "The header of a chord consists of signatures, such as task.s(argument). If you call .delay(), the "
    "task is sent immediately instead."
)
CAUSES = {
    "no attribute 'parent'": NOT_CALLED,
    "NoReverseMatch": NOT_CALLED,
    "'NoneType' object has no attribute 'save'": "Only the AsyncResult of a chord's callback has a parent, which is the group. "
    + NOT_CALLED,
    "'NoneType' object has no attribute 'id'": "enqueue_summary() must return the AsyncResult of the callback.",
    "'AsyncResult' object has no attribute 'save'": "You called save() on the callback's AsyncResult. The group that the page "
    "needs is its parent: task.parent.save().",
    "AsyncResult": SIGNATURE,
    "'NoneType' object is not iterable": "A header task was called like a function, or the header is empty. Write a signature for "
    "each photo: describe_for_summary_task.s(image_id).",
    "no attribute 'clone'": "The callback is the task itself. Pass a signature: summarize_task.s().",
    "takes 1 positional argument but": "The task takes the id of one photo. Put one signature for each photo in the "
    "chord's header: describe_for_summary_task.s(image_id).",
    "required positional argument": "summarize_task gets its argument from the chord. Pass the task as a "
    "signature without arguments, summarize_task.s().",
}
"""Maps part of an exception's text to the cause of the exception."""


def listed(queue):
    return "\n".join(f"{m}" for messages in queue.everything().values() for m in messages) or "no message"


def why_not_each(messages):
    """Return the reason why there isn't exactly one message for each photo."""
    if not messages:
        return NOT_CALLED
    if any(message.task == task_name(HEADER_TASK) for message in messages):
        return "A chord sends all its header tasks together. A chain sends the second task only after the first one has finished."
    return f"Put one signature for each photo in the chord's header: {HEADER_TASK.rpartition('.')[2]}.s(image_id)."


@pytest.mark.parametrize("count", [3, 1])
def test_sends_a_task_for_each(post, queue, resized_photos, count):
    """'Sum up' sends one task for each photo, all in one group, and the view does not wait for the results."""
    kept = resized_photos(*[photos.jpeg(80, 60)] * count)
    response = post("images:summarize", CAUSES, file=FILE)
    messages = [message for found in queue.everything().values() for message in found]
    header = [message for message in messages if message.task == task_name(HEADER_TASK)]
    sent = sorted([*message.args, *message.kwargs.values()][0] for message in header)
    expected = sorted(photo.pk for photo in kept)
    what = f"'Sum up' was pressed for {count} photo{'s' if count > 1 else ''}"
    facts = {
        "expected": "\n".join(f"{task_name(HEADER_TASK)}({pk})" for pk in expected),
        "found": listed(queue),
        "file": FILE,
    }
    expect(
        sent == expected,
        f"{what}, but the view did not send exactly one task for each photo.",
        why_not_each(messages),
        **facts,
    )
    groups = {message.headers["group"] for message in header}
    expect(
        len(groups) == 1 and None not in groups,
        f"{what}, but the tasks do not belong to a group.",
        "If you send the tasks one by one, Celery doesn't know which one is last. Send the tasks as "
        "the header of a chord.",
        **facts,
    )
    early = [message for message in messages if message.task == task_name(CALLBACK)]
    expect(
        not early,
        f"{what}, but summarize_task was sent before the photos were described.",
        "After the last header task has finished, a worker sends the chord's callback with a list of all "
        "results.",
        **facts,
    )
    group = parse_qs(urlsplit(response.url).query).get("group") if response.status_code == 302 else None
    expect(
        group,
        "the summary page does not get the group's id.",
        "enqueue_summary() must return the AsyncResult of the callback, because the parent of this result is the group.",
        expected=f"{reverse('images:batch', args=['00000000-0000-0000-0000-000000000000'])}?group=…",
        found=response.url if response.status_code == 302 else str(response.status_code),
        file=FILE,
    )


@pytest.mark.parametrize("count", [6, 1])
def test_summary(client, post, worker, resized_photos, count):
    """The workers describe the photos, and one summary adds up the numbers."""
    contents = [photos.jpeg(1000, 500), photos.png_of(500, 400)] * (count // 2) or [photos.jpeg(1000, 500)]
    resized_photos(*contents)
    before = len(worker.log)
    response = post("images:summarize", CAUSES, file=FILE)
    url = urlsplit(response.url)
    page = resolve(url.path)
    if page.view_name != "images:batch":
        complain("'Sum up' does not lead to the summary page.", found=response.url, file=FILE)
    address = reverse("images:batch_status", args=[page.kwargs["task_id"]])

    def answer():
        return client.get(f"{address}?{url.query}").json()

    found = until(lambda: (now := answer())["state"] in ("SUCCESS", "FAILURE") and now) or answer()
    log = worker.log[before:]
    expect(
        found["state"] == "SUCCESS",
        "there is no summary." if found["state"] != "FAILURE" else "the summary failed.",
        "The callback gets the stored results of the header tasks. A task with ignore_result stores no "
        "result, so the callback gets None."
        if "NoneType" in str(found["error"])
        else "The callback must accept the list of results, so use summarize_task.s(). A signature "
        "created with .si() accepts no results."
        if "positional argument" in str(found["error"])
        else "",
        state=found["state"],
        exception=found["error"] or "none",
        file=FILE,
    )
    begun = f"Task {task_name(CALLBACK)}["
    expect(
        log.count(begun) - log.count(f"{begun}{page.kwargs['task_id']}] succeeded") == 1,
        "summarize_task did not run exactly once.",
        found=f"{log.count(begun) // 2} times",
        file=FILE,
    )
    megapixels = round(sum(0.5 if number % 2 == 0 else 0.2 for number in range(count)), 1)
    formats = {"JPEG": 1} if count == 1 else {"JPEG": count // 2, "PNG": count // 2}
    expected = {
        "photos": count,
        "megapixels": megapixels,
        "bytes": sum(map(len, contents)),
        "formats": formats,
        "failed": [],
    }
    expect(
        found["result"] == expected,
        "the numbers in the summary are wrong.",
        "summarize_task gets one list, which contains the results of all header tasks in the order of the "
        "header.",
        expected=as_json(expected),
        found=as_json(found["result"]),
        file=FILE,
    )
    expect(
        found["progress"] == {"done": count, "total": count},
        "the page can't count the finished photos.",
        "The page loads the group by its id and counts the stored results, so save the group with "
        "task.parent.save().",
        expected=as_json({"done": count, "total": count}),
        found=as_json(found["progress"]),
        file=FILE,
    )


def test_no_photo(client, post, queue):
    """If there is no resized photo, no task is sent, and the page says why."""
    response = post("images:summarize", file=FILE)
    page = client.get(response.url).content.decode()
    expect(
        not queue.everything() and "no resized photo" in page,
        "there is no resized photo, but 'Sum up' sent a task.",
        found=listed(queue),
        file="images/batch_views.py, start_batch()",
    )
