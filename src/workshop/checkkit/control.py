"""Send remote control commands to the run's worker, and check the output of `manage.py workers`."""

from workshop.checkkit import expect

COMMAND = "images/management/commands/workers.py"


def ask(app, question: str, **arguments: object):
    """Return the worker's answer to a remote control command, or None if the worker doesn't answer.

    Args:
        app: The Celery app.
        question: The remote control command, such as "active".
        **arguments: The command's arguments.
    """
    replies = app.control.broadcast(question, arguments, reply=True, limit=1, timeout=5) or [{}]
    return next(iter(replies[0].values()), None)


def running_ids(app) -> set[str]:
    """Return the IDs of the tasks that the worker is running."""
    return {task["id"] for task in ask(app, "active") or []}


def expect_no_error(error: str, what: str) -> None:
    """Fail the check if a command ended with an error.

    Args:
        error: The error message, or "" if there was no error.
        what: The purpose of the command, such as "revoking a task".
    """
    expect(not error, f"{what} does not work.", error=error, file=COMMAND)


def expect_answer(printed: str, worker: str, what: str, function: str) -> None:
    """Fail the check if a command did not print the worker's answer.

    Args:
        printed: The command's output.
        worker: The worker's node name.
        what: A clause that says what was done, such as "a waiting task was revoked".
        function: The learner's function that sends the remote control command.
    """
    expect(
        worker in printed,
        f"{what}, but the command does not print the worker's answer.",
        "Pass reply=True to get the workers' answers, and return them.",
        printed=printed.strip() or "nothing",
        file=f"{COMMAND}, {function}()",
    )
