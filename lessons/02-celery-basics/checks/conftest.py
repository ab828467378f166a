"""Shared fixtures for this lesson's checks."""

import contextlib
from inspect import signature

import amqp
import pytest
from celery.exceptions import TimeoutError
from celery.signals import before_task_publish
from django.urls import reverse
from kombu import Producer

from workshop.checkkit import Complaint, complain, expect
from workshop.checkkit.code_locations import raised_at

WAITS = (
    "The view waits for the result: .get() blocks the request until a worker has finished the task. If no worker "
    "is running, .get() waits forever. Don't wait here, because the page asks for the result later."
)
WHY = {
    "is not JSON serializable": "A message is JSON, so it can contain only numbers, strings, lists and "
    "dictionaries. Send photo.pk, and let the task load the photo.",
    "unexpected keyword argument": "delay() passes all its arguments to the task. The second argument of apply_async() is "
    "a dictionary of the task's keyword arguments. Pass options by name: apply_async((photo.pk,), countdown=10).",
    "argument after * must be": "(photo.pk) is just a number, but (photo.pk,) with a comma is a tuple.",
    "args must be a list or tuple": "(photo.pk) is just a number, but (photo.pk,) with a comma is a tuple.",
    "isoformat": "countdown is a number of seconds, eta is a datetime, and expires can be either.",
    "'datetime.timedelta' and 'int'": "Pass countdown and expires as numbers of seconds: 10, not timedelta(seconds=10).",
    "didn't return an HttpResponse": "The view doesn't return a response. Is return missing before redirect_to_task(photo, task)?",
    "'dict' object has no attribute 'id'": "The task was called like a function, so it ran in the web process and "
    "returned its result. Call .delay() instead: it sends the task to a worker and returns an AsyncResult with an id.",
    "'NoneType' object has no attribute 'id'": "redirect_to_task() needs an AsyncResult, but it got None. delay_on_commit() "
    "returns None, because it sends the task later. This view doesn't save anything, so use .delay().",
    "'function' object has no attribute 'id'": "The parentheses after the method's name are missing, so the method is not called and nothing is sent.",
    "'method' object has no attribute 'id'": "The parentheses after the method's name are missing, so the method is not called and nothing is sent.",
    "'str' object has no attribute 'id'": "redirect_to_task() needs the AsyncResult that .delay() returned, not its id.",
}
"""Maps part of an exception's text to its cause, for views that send a task."""


@contextlib.contextmanager
def no_unknown_options(file):
    """Complain if code in the block sends a task with an option that Celery doesn't recognize."""
    known = {*signature(Producer.publish).parameters, *dict(amqp.Message.PROPERTIES)}
    unknown = {}

    def note(properties, **_signal):
        unknown.update({name: value for name, value in properties.items() if name not in known})

    before_task_publish.connect(note)
    try:
        yield
    finally:
        before_task_publish.disconnect(note)
    expect(
        not unknown,
        f"apply_async() ignores unknown options: {', '.join(unknown)}.",
        "Celery doesn't check the names of options, so check your spelling: countdown, eta, expires.",
        file=file,
    )


@pytest.fixture
def press(client, queue, time_limit):
    """Return a function that presses a button on a photo's page and returns the response and the messages.

    `waits` is the explanation shown if the view does not respond.
    """

    def post(button, photo, file, waits=WAITS):
        held = "the view did not respond while no worker was running."
        try:
            with no_unknown_options(file), time_limit(held, waits, file=file):
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
                raised_at=raised_at(error),
                sent="\n".join(map(str, queue.messages())) or "nothing",
                file=file,
            )
        return response, queue.messages()

    return post


@pytest.fixture
def describe_photo_task(app):
    """Return the task from step 2.3, or fail if it is still a plain function."""
    from images import tasks

    task = getattr(tasks, "describe_photo_task", None)
    if not hasattr(task, "delay"):
        complain(
            "describe_photo_task is still a plain function, not a task."
            if task
            else "images/tasks.py doesn't contain a function named describe_photo_task.",
            "Put the decorator @shared_task above the function. It turns the function into a task that has .delay()."
            if task
            else "The views and the checks use this name, so don't change it.",
            found=repr(task),
            file="images/tasks.py, describe_photo_task()",
        )
    return task
