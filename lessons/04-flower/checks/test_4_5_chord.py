import json
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import resolve, reverse

from workshop.checkkit import complain, expect, photos, until

pytestmark = pytest.mark.step("4.5")

FILE = "images/queueing.py, enqueue_summary()"
MEMBER = "images.tasks.describe_for_summary_task"
BODY = "images.tasks.summarize_task"
CALLS = "chord() takes signatures, task.s(argument): calls that are not sent yet."


def listed(queue):
    return "\n".join(f"{m}" for messages in queue.everything().values() for m in messages) or "no message"


@pytest.mark.parametrize("count", [3, 1])
def test_sends_a_task_for_each(post, queue, resized_photos, count):
    """Summing up sends a task for each photo, all of one group, and the view does not wait for them."""
    kept = resized_photos(*[photos.jpeg(80, 60)] * count)
    response = post("images:summarize", CALLS, file=FILE)
    messages = [message for found in queue.everything().values() for message in found]
    members = [message for message in messages if message.task == MEMBER]
    sent = sorted([*message.args, *message.kwargs.values()][0] for message in members)
    expected = sorted(photo.pk for photo in kept)
    what = "one photo was to be summed up" if count == 1 else f"{count} photos were to be summed up"
    facts = {
        "expected": "\n".join(f"{MEMBER}({pk})" for pk in expected),
        "found": listed(queue),
        "file": FILE,
    }
    expect(
        sent == expected,
        f"{what}, and there is not one task for each.",
        f"A group is one task for each photo, so that several workers can be at it. {CALLS}",
        **facts,
    )
    groups = {message.headers["group"] for message in members}
    expect(
        len(groups) == 1 and None not in groups,
        f"{what}, and the tasks belong to no group.",
        "Tasks that were sent one by one do not know each other: nobody notices when the last of them is done.",
        **facts,
    )
    early = [message for message in messages if message.task == BODY]
    expect(
        not early,
        f"{what}, and the summary was sent before the answers are there.",
        "The last task of a chord is sent by the worker that is done last. It gets the answers as a list.",
        **facts,
    )
    group = parse_qs(urlsplit(response.url).query).get("group") if response.status_code == 302 else None
    expect(
        group,
        "the page that follows the summary is not told the group's id.",
        "enqueue_summary() returns the AsyncResult of the last task: that of a chord knows its group, as parent.",
        expected=f"{reverse('images:batch', args=['00000000-0000-0000-0000-000000000000'])}?group=…",
        found=response.url if response.status_code == 302 else str(response.status_code),
        file=FILE,
    )


@pytest.mark.parametrize("count", [6, 1])
def test_summary(client, post, worker, resized_photos, count):
    """The workers look at the photos, and one summary has the figures of them all."""
    contents = [photos.jpeg(1000, 500), photos.png_of(500, 400)] * (count // 2) or [photos.jpeg(1000, 500)]
    resized_photos(*contents)
    before = len(worker.log)
    response = post("images:summarize", CALLS, file=FILE)
    url = urlsplit(response.url)
    page = resolve(url.path)
    if page.view_name != "images:batch":
        complain("the button does not lead to the page of the summary.", found=response.url, file=FILE)
    address = reverse("images:batch_status", args=[page.kwargs["task_id"]])

    def answer():
        return client.get(f"{address}?{url.query}").json()

    found = until(lambda: (now := answer())["state"] in ("SUCCESS", "FAILURE") and now) or answer()
    log = worker.log[before:]
    expect(
        found["state"] == "SUCCESS",
        "the summary did not come." if found["state"] != "FAILURE" else "the summary failed.",
        "The last task gets what the members return. One with ignore_result keeps nothing, so None arrives for it."
        if "NoneType" in str(found["error"])
        else "",
        state=found["state"],
        exception=found["error"] or "none",
        file=FILE,
    )
    expect(
        log.count(f"Task {BODY}[") - log.count(f"Task {BODY}[{page.kwargs['task_id']}] succeeded") == 1,
        "summarize_task was not called once.",
        found=f"{log.count(f'Task {BODY}[') // 2} times",
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
        "the figures of the summary are not right.",
        "summarize_task gets one list: the answers of all members, in their order.",
        expected=json.dumps(expected),
        found=json.dumps(found["result"]),
        file=FILE,
    )
    expect(
        found["progress"] == {"done": count, "total": count},
        "the page cannot count how many photos are done.",
        "It asks for the group by its id. A group is known by its id only when somebody has saved it, and its "
        "members are counted by their results.",
        expected=json.dumps({"done": count, "total": count}),
        found=json.dumps(found["progress"]),
        file=FILE,
    )


def test_no_photo(client, post, queue):
    """Without any photo nothing is sent, and the visitor reads why."""
    response = post("images:summarize", file=FILE)
    page = client.get(response.url).content.decode()
    expect(
        not queue.everything() and "no resized photo" in page,
        "there is no photo, and something was sent to sum them up.",
        found=listed(queue),
        file="images/batch_views.py, start_batch()",
    )
