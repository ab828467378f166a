import pytest
from django.urls import reverse

from workshop.checkkit import complain, expect, photos

pytestmark = pytest.mark.step("2.4")

FILE = "images/views.py, describe()"


def test_view_sends_the_id(press, photo, queue):
    """The view puts one message on the queue, with the photo's id in it, and answers without waiting."""
    from images import tasks

    kept = photo(photos.jpeg())
    response, messages = press("describe", kept, file=FILE)
    if not messages:
        complain(
            "the view answered, and there is no message on the queue.",
            "Called like a function, a task runs in the web process. .delay() sends it."
            if "task=" not in response.get("Location", "")
            else "apply() runs a task in the web process, as a call does. .delay() and apply_async() send it.",
            expected=f'1 message on the queue "{queue.name}"',
            found="none",
            file=FILE,
        )
    name = getattr(tasks.describe_photo_task, "name", "images.tasks.describe_photo_task")
    expect(
        len(messages) == 1 and messages[0].task == name,
        "something else than one describe_photo_task is on the queue.",
        "Every .delay() is a message, and every message is work for a worker."
        if len(messages) > 1
        else f"The worker finds the task by its whole name, {name}.",
        found="\n".join(map(str, messages)),
        file=FILE,
    )
    sent = [*messages[0].args, *messages[0].kwargs.values()]
    expect(
        sent in ([kept.pk], [str(kept.pk)]),
        "the message does not carry the photo's id, and only that.",
        "delay() takes the arguments as the function does, one after the other: delay(photo.pk)."
        if [kept.pk] in sent
        else "The id is small, it is JSON, and the worker reads the row as it is when it starts.",
        expected=f"describe_photo_task({kept.pk})",
        found=str(messages[0]),
        file=FILE,
    )
    task_id = messages[0].headers["id"]
    expect(
        response.status_code == 302 and task_id in response.url,
        "after sending, the view does not go on to the page that follows the task.",
        "redirect_to_task() makes the address: it takes the photo, and what .delay() returned.",
        expected=f"a redirect to …?task={task_id}",
        found=f"{response.status_code} {response.get('Location', '')}",
        file=FILE,
    )


def test_no_photo_no_message(client, queue):
    """For a photo that is not there, the view sends nothing."""
    response = client.post(reverse("images:describe", args=[123456]))
    expect(
        not queue.messages(),
        "there is no photo 123456, and a task was sent for it.",
        "What is on the queue cannot be taken back: look the photo up first, and send when it is there.",
        found=f"{response.status_code}, and on the queue {', '.join(map(str, queue.messages()))}",
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
