import pytest
from django.urls import reverse

from workshop.checkkit import as_json, expect, photos

pytestmark = pytest.mark.step("given")


def states(client, ids):
    return client.get(reverse("images:states"), {"ids": ids}).json()["photos"]


def fail(photo, reason):
    type(photo).objects.filter(pk=photo.pk).update(failure_reason=reason)


def test_states(client, photo):
    """The list page can track the state of its photos."""
    waiting, failed, unqueued = (photo(photos.jpeg(), f"{name}.jpg") for name in "abc")
    waiting.mark_queued()
    fail(failed, "This picture is damaged or cut short.")
    answers = states(client, f"{waiting.pk},{failed.pk},{unqueued.pk}")
    found = {answer["id"]: answer for answer in answers}
    expected = {waiting.pk: "waiting", failed.pk: "failed", unqueued.pk: "unqueued"}
    for pk, state in expected.items():
        expect(found[pk]["state"] == state, "a photo has the wrong state.", expected=state, found=found[pk])
        pending = state != "failed"
        expect(
            found[pk].get("pending") is pending,
            "the response does not say whether the photo still has to be resized, so the page can't track its state.",
            expected=f"pending: {as_json(pending)}",
            found=found[pk],
        )


@pytest.mark.parametrize("ids", ["", "x,-1,1e3", "9" * 40])
def test_strange_ids(client, ids):
    """Strings that are not ids are ignored."""
    found = states(client, ids)
    expect(found == [], f"the response to ?ids={ids} is not an empty list.", found=str(found))


def test_try_again(client, photo, queue):
    """The page of a failed photo has a button that sends a new task."""
    kept = photo(photos.jpeg())
    fail(kept, "The photo storage doesn't respond. Try again later.")
    page = client.get(reverse("images:detail", args=[kept.pk])).content.decode()
    address = reverse("images:try_again", args=[kept.pk])
    expect(address in page, "the page of a failed photo has no Try again button.")
    client.post(address)
    kept.refresh_from_db()
    expect(
        kept.state == "waiting" and [message.args for message in queue.messages()] == [[kept.pk]],
        "after a click on Try again, the photo should be waiting, and the queue should contain one task.",
        found=f"{kept.state}, {len(queue.messages())} messages",
    )


def test_list_follows(client, photo):
    """The list page contains the URL of the states view."""
    photo(photos.jpeg())
    page = client.get(reverse("images:list")).content.decode()
    expect(
        reverse("images:states") in page and "states.js" in page,
        "the list page does not track the state of its photos.",
    )
