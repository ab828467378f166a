import pytest
from django.urls import reverse

from workshop.checkkit import complain, expect, photos

pytestmark = pytest.mark.step("2.4")

FILE = "images/views.py, describe()"


def test_view_sends_the_id(client, photo, queue, patience):
    """The view puts one message on the queue, with the photo's id in it, and answers without waiting."""
    kept = photo(photos.jpeg())
    with patience(
        "the view did not answer while no worker took the task.",
        "It waits for the result: .get() holds the request until a worker is done. With every worker busy, "
        "that is for ever. Answer first; the page asks for the result later.",
        file=FILE,
    ):
        response = client.post(reverse("images:describe", args=[kept.pk]))
    messages = queue.messages()
    if not messages:
        complain(
            "the view answered, and there is no message on the queue.",
            "Called like a function, a task runs in the web process. .delay() sends it.",
            expected=f'1 message on the queue "{queue.name}"',
            found="none",
            file=FILE,
        )
    expect(
        len(messages) == 1 and messages[0].task == "images.tasks.describe_photo_task",
        "something else than one describe_photo_task is on the queue.",
        found="\n".join(map(str, messages)),
        file=FILE,
    )
    sent = [*messages[0].args, *messages[0].kwargs.values()]
    expect(
        sent == [kept.pk],
        "the message does not carry the photo's id, and only that.",
        "The id is small, it is JSON, and the worker reads the row as it is when it starts.",
        expected=f"describe_photo_task({kept.pk})",
        found=str(messages[0]),
        file=FILE,
    )
    task_id = messages[0].headers["id"]
    expect(
        response.status_code == 302 and task_id in response.url,
        "after sending, the view does not go on to the page that follows the task.",
        expected=f"a redirect to …?task={task_id}",
        found=f"{response.status_code} {response.get('Location', '')}",
        file=FILE,
    )


def test_worker_describes(client, photo, worker, app):
    """Sent from the page, the description comes back."""
    from urllib.parse import parse_qs, urlsplit

    kept = photo(photos.jpeg())
    response = client.post(reverse("images:describe", args=[kept.pk]))
    task_id = parse_qs(urlsplit(response.get("Location", "")).query).get("task", [""])[0]
    expect(task_id, "the view sent no task.", file=FILE)
    found = app.AsyncResult(task_id).get(timeout=15)
    expect(found["name"] == kept.name, "the worker described another photo.", found=repr(found), file=FILE)
