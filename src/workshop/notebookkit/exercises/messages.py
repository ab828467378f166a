"""Check exercises about messages: what they contain, when their tasks may run, and when they are sent."""

from datetime import UTC, datetime, timedelta

from celery.result import AsyncResult

from workshop.checkkit import expect
from workshop.notebookkit.kernel_names import LOOK_QUEUE
from workshop.notebookkit.queues import photo_ids, queued_messages
from workshop.runtime.broker_messages import Message

from .answers import expect_function, expect_type
from .restored_rows import kept_row, rolled_back

RESIZE_TASK = "images.tasks.resize_image_task"


def read_a_message(task_name, arguments) -> str:
    """Check exercise 2.1: the task's name and its positional arguments."""
    expect(task_name, "`task_name` is empty. The task's name is one of the message's headers.")
    expect(
        task_name == "images.tasks.describe_photo_task",
        f'`task_name` is "{task_name}", which is wrong. The full task name is in the headers.',
    )
    expect(
        not isinstance(arguments, (str, bytes)),
        "`arguments` is still text. Decode the body twice: first from Base64, then from JSON.",
    )
    expect(
        isinstance(arguments, list) and arguments and not isinstance(arguments[0], list),
        f"`arguments` is {arguments!r}. The body is a list of three items, and the first "
        "item is the list of positional arguments.",
    )
    return "A worker needs only the task's name and arguments, because it loads the photo from the database."


def earliest_and_latest_start(sent) -> str:
    """Check exercise 2.3: a message with the earliest and the latest time at which the task may start."""
    expect_type("sent", sent, AsyncResult, "the AsyncResult that apply_async() returns")
    message = _messages_in_look_queue().get(sent.id)
    expect(message, "The message is not in LOOK_QUEUE. Pass queue=LOOK_QUEUE to apply_async().")
    expect(
        message.headers["eta"],
        "The message has no eta, so a worker would start the task immediately. Pass a countdown.",
    )
    expect(
        message.headers["expires"],
        "The message doesn't expire, so a worker would still run the task tomorrow. Pass the expires option.",
    )
    eta, expires = (
        datetime.fromisoformat(message.headers[name]).astimezone(UTC) for name in ("eta", "expires")
    )
    expect(
        expires > eta,
        "The task expires before it can start, so it would never run. Both options are in seconds from now.",
    )
    expect(
        timedelta(seconds=49) < expires - eta < timedelta(seconds=51),
        "The earliest and the latest start time are "
        f"{(expires - eta).total_seconds():.0f} seconds apart, not 50.",
    )
    wait = (eta - datetime.now(UTC)).total_seconds()
    expect(
        wait < 10,
        f"The earliest start time is {wait:.0f} s from now, not ten seconds after the task was sent.",
    )
    return (
        f"The message says that the task starts no earlier than {eta:%H:%M:%S} "
        f"and no later than {expires:%H:%M:%S} (UTC)."
    )


def send_after_the_commit(resend, photo) -> str:
    """Check exercise 3.2: a function that sends a message only if the outermost transaction is committed."""
    expect_function("resend", resend, "a photo")
    with kept_row(photo):
        before = _messages_in_look_queue()
        with rolled_back():
            try:
                resend(photo)
            except TypeError as error:
                expect(
                    "callback" not in str(error),
                    "You passed the return value of a call to on_commit, so the message was already sent. "
                    "Pass a function, such as functools.partial(…), or use apply_async_on_commit.",
                )
                raise
        expect(
            _messages_in_look_queue().keys() <= before.keys(),
            "The caller's transaction was rolled back, but the message was sent to the broker anyway. "
            "The end of your with block doesn't commit anything, because the block is inside the caller's "
            "transaction. Send the message with apply_async_on_commit.",
        )
        resend(photo)
    messages = _messages_in_look_queue()
    sent = [message for task_id, message in messages.items() if task_id not in before]
    expect(
        sent,
        "The transaction was committed, but LOOK_QUEUE is empty. "
        "Did you send the message to the default queue? Pass queue=LOOK_QUEUE to apply_async_on_commit, "
        "because delay_on_commit takes no options.",
    )
    expect(len(sent) == 1, f"You sent {len(sent)} messages for one photo. Send only one.")
    message = sent[0]
    expect(
        message.task == RESIZE_TASK,
        f"The message is for the task {message.task}, but it should be for {RESIZE_TASK}.",
    )
    expect(
        photo_ids(message) == {photo.pk},
        f"The message is for {message}, but it should be for photo {photo.pk}.",
    )
    return "A message is sent if the outermost transaction is committed, but not if it is rolled back."


def _messages_in_look_queue() -> dict[str, Message]:
    """Return the messages in LOOK_QUEUE, by task ID."""
    return {message.headers["id"]: message for _, _, message in queued_messages(LOOK_QUEUE)}
