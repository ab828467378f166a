import pytest
from django.urls import reverse

from workshop.checkkit import complain, expect, photos

pytestmark = pytest.mark.step("2.4")

FILE = "images/views.py, describe()"


def test_view_sends_the_id(press, photo, queue):
    """The view sends one message with the photo's id and responds without waiting."""
    from images import tasks

    kept = photo(photos.jpeg())
    response, messages = press("describe", kept, file=FILE)
    if not messages:
        complain(
            "the view responded, but it did not send a message.",
            "If you call a task like a function, it runs in the web process. To send a task to a worker, use .delay()."
            if "task=" not in response.get("Location", "")
            else "apply() runs a task in the web process, like a function call. To send a task to a worker, use .delay() or apply_async().",
            expected=f'1 message in the queue "{queue.name}"',
            found="none",
            file=FILE,
        )
    name = getattr(tasks.describe_photo_task, "name", "images.tasks.describe_photo_task")
    expect(
        len(messages) == 1 and messages[0].task == name,
        "the view sent more than one message." if len(messages) > 1 else "the view sent a different task.",
        "Every call to .delay() sends a message, and a worker runs the task once for each message."
        if len(messages) > 1
        else f"A worker looks up a task by its full task name, {name}.",
        expected=f"1 message: {name}",
        found="\n".join(map(str, messages)),
        file=FILE,
    )
    sent = [*messages[0].args, *messages[0].kwargs.values()]
    expect(
        sent in ([kept.pk], [str(kept.pk)]),
        "the message should contain the photo's id and no other argument.",
        "delay() takes the same arguments as the function: delay(photo.pk)."
        if [kept.pk] in sent
        else "Send only the id. The task reads the current row when it starts.",
        expected=f"describe_photo_task({kept.pk})",
        found=str(messages[0]),
        file=FILE,
    )
    task_id = messages[0].headers["id"]
    expect(
        response.status_code == 302 and task_id in response.url,
        "the view sent the task, but it did not redirect to the page that shows the task.",
        "Return redirect_to_task(photo, task), where task is the AsyncResult that .delay() returned.",
        expected=f"a redirect to …?task={task_id}",
        found=f"{response.status_code} {response.get('Location', '')}",
        file=FILE,
    )


def test_no_photo_no_message(client, queue):
    """For a photo that does not exist, the view sends nothing."""
    response = client.post(reverse("images:describe", args=[123456]))
    expect(
        not queue.messages(),
        "photo 123456 does not exist, but the view sent a task for it.",
        "You can't take a message back, so look up the photo first, and send the task only if the photo exists.",
        found=f"{response.status_code}, and the message {', '.join(map(str, queue.messages()))}",
        file=FILE,
    )


def test_worker_describes(client, photo, worker, app):
    """A worker runs the task that the view sent."""
    from urllib.parse import parse_qs, urlsplit

    kept = photo(photos.jpeg())
    response = client.post(reverse("images:describe", args=[kept.pk]))
    task_id = parse_qs(urlsplit(response.get("Location", "")).query).get("task", [""])[0]
    expect(task_id, "the view did not send a task.", file=FILE)
    found = app.AsyncResult(task_id).get(timeout=15)
    expect(
        found["name"] == kept.name, "the worker described a different photo.", found=repr(found), file=FILE
    )
