"""What the checks of this lesson share."""

import traceback
from pathlib import Path

import pytest
from celery.exceptions import TimeoutError
from django.urls import reverse

from workshop.checkkit import Complaint, complain
from workshop.checkkit.worker import place_in

WAITS = (
    "It waits for the result: .get() holds the request until a worker is done. With every worker busy, "
    "that is for ever. Answer first; the page asks for the result later."
)
WHY = {
    "is not JSON serializable": "A message is text: numbers, strings, lists. Send photo.pk; the task reads the "
    "row by itself.",
    "unexpected keyword argument": "delay() passes on to the task whatever it gets, and so does a "
    "dictionary in apply_async(). Options stand beside the arguments: apply_async((photo.pk,), countdown=10).",
    "argument after * must be": "(photo.pk) is a number in brackets. The comma makes it a tuple: (photo.pk,).",
    "args must be a list or tuple": "(photo.pk) is a number in brackets. The comma makes it a tuple: (photo.pk,).",
    "isoformat": "countdown and expires are numbers of seconds, and eta is a datetime. Only expires may be either.",
    "'datetime.timedelta' and 'int'": "countdown and expires are numbers of seconds: 10, not timedelta(seconds=10).",
    "'dict' object has no attribute 'id'": "The task was called like a function: it ran in the web process, and "
    "what came back is its result. .delay() sends it, and gives you a handle with an id.",
    "'NoneType' object has no attribute 'id'": "There is no handle to follow. delay_on_commit() returns None: it "
    "sends later, when there is an id at last. Nothing is being saved here; .delay() is right.",
    "'function' object has no attribute 'id'": "Without brackets behind it nothing is called and nothing sent.",
    "'method' object has no attribute 'id'": "Without brackets behind it nothing is called and nothing sent.",
    "'str' object has no attribute 'id'": "redirect_to_task() takes what .delay() returned, and reads its id.",
}
"""Part of an exception's text -> what is behind it, in a view that sends a task."""


@pytest.fixture
def press(client, queue, patience):
    """press("describe", photo, file=…) presses this button of the photo's page: (response, messages sent).

    waits: what to say when the view does not answer.
    """

    def post(button, photo, file, waits=WAITS):
        held = "the view did not answer while no worker took the task."
        try:
            with patience(held, waits, file=file):
                response = client.post(reverse(f"images:{button}", args=[photo.pk]))
        except Complaint:
            raise
        except TimeoutError:
            complain(held, waits, file=file)
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            complain(
                "the view raised an exception.",
                next((why for part, why in WHY.items() if part in said), ""),
                exception=said,
                raised_at=place_in(Path.cwd(), traceback.extract_tb(error.__traceback__)) or "?",
                sent="\n".join(map(str, queue.messages())) or "nothing",
                file=file,
            )
        return response, queue.messages()

    return post


@pytest.fixture
def describe_photo_task(app):
    """The task of the steps from 2.3 on. Complains while it is none."""
    from images import tasks

    task = getattr(tasks, "describe_photo_task", None)
    if not hasattr(task, "delay"):
        complain(
            "describe_photo_task is a function and not a task yet.",
            found=repr(task),
            file="images/tasks.py, describe_photo_task()",
        )
    return task
