import contextlib
import os
import re
import signal

import pytest

from workshop.checkkit import expect, task_name, until
from workshop.checkkit.control import COMMAND, ask, expect_answer, expect_no_error

pytestmark = [pytest.mark.step("4.8"), pytest.mark.long]

TASK = "images.tasks.describe_photo_task"
NOBODY = "nobody@nowhere"


def limit(app):
    """The worker's rate limit for the task."""
    found = next(
        each
        for each in ask(app, "registered", taskinfoitems=["rate_limit"])
        if each.split()[0] == task_name(TASK)
    )
    match = re.search(r"rate_limit=(\S+)\]", found)
    return match[1] if match else "none"


def test_rate(app, command, name):
    """The command sets and removes a limit on how often a worker starts a task."""
    before = limit(app)
    for wanted in ("7/m", "0"):
        printed, error = command("rate", task_name(TASK), wanted)
        expect_no_error(error, "changing a rate limit")
        expect_answer(printed, name, "a rate limit was changed", "limit_rate")
        found = limit(app)
        expect(
            found == wanted or (wanted == "0" and found in ("none", before)),
            f"the rate limit was set to {wanted}, but the worker uses a different limit.",
            "The worker applies the limit, so send it to the worker with control.rate_limit().",
            expected=wanted,
            found=found,
            printed=printed.strip() or "nothing",
            file=f"{COMMAND}, limit_rate()",
        )
    printed, error = command("rate", "describe_photo_task", "7/m")
    expect(
        error,
        "a rate limit was set for describe_photo_task, which is not a full task name, but the command reported no error.",
        "The worker answers with an error, which you get only with reply=True. Return the answer so that "
        "report() prints the error.",
        printed=printed.strip() or "nothing",
        file=f"{COMMAND}, limit_rate()",
    )


def expect_only_destination(app, monkeypatch, name, count):
    """Complain if change_pool() changes the pool of a worker that it was not called for."""
    from images.management.commands import workers

    prefetched = ask(app, "stats")["prefetch_count"]  # changes with the pool's size, but at once
    with monkeypatch.context() as patch, contextlib.suppress(Exception):
        patch.setattr(workers, "PATIENCE", 0.1)
        workers.change_pool(NOBODY, count)
    expect(
        ask(app, "stats")["prefetch_count"] == prefetched,
        f"change_pool() was called for another worker, but {name} changed the size of its pool too.",
        f"Without destination, every worker carries out the command. Pass destination=[name] to "
        f"{'pool_grow' if count > 0 else 'pool_shrink'}().",
        file=f"{COMMAND}, change_pool()",
    )


def test_grow(app, worker, command, name, monkeypatch):
    """The command adds and removes worker processes, but it never removes the last one."""

    def processes():
        return len(ask(app, "stats")["pool"]["processes"])

    before, answers = processes(), ""
    for count in (2, -2):
        wanted = processes() + count
        printed, error = command("grow", name, str(count))
        expect_no_error(error, f"grow {count}")
        answers += printed
        if not until(lambda: processes() == wanted, 0.3):  # noqa: B023
            # A worker checks its number of processes every five seconds, and when one of them has ended.
            os.kill(worker.children()[-1], signal.SIGTERM)
            until(lambda: processes() == wanted)  # noqa: B023
        found = processes()
        expect(
            found == wanted,
            f"after `grow {count}`, the worker should have {wanted} processes, but it has {found}.",
            "pool_grow() and pool_shrink() both need a number above 0. With a negative number, the worker "
            "answers ok but doesn't do what you asked."
            if name in answers
            else "control.pool_grow() adds processes, and control.pool_shrink() removes processes.",
            printed=printed.strip() or "nothing",
            file=f"{COMMAND}, change_pool()",
        )
    expect_answer(answers, name, "a pool's size was changed", "change_pool")
    for count in (1, -1):
        expect_only_destination(app, monkeypatch, name, count)
    for count in (-before, 0):
        _, error = command("grow", name, str(count))
        expect(
            error and processes() == before,
            f"`grow {count}` did not report an error, or it changed the number of processes.",
            file=COMMAND,
        )
    _, error = command("grow", NOBODY, "1")
    expect(
        NOBODY in error,
        "grow was called for a worker that does not exist, but the command reported no error.",
        file=COMMAND,
    )
