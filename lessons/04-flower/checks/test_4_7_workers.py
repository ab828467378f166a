import contextlib
import re

import pytest
from celery.app.control import Inspect

from workshop.checkkit import Complaint, as_json, complain, expect, photos, until
from workshop.checkkit.code_locations import raised_at
from workshop.checkkit.control import COMMAND, ask, expect_answer, expect_no_error, running_ids
from workshop.checkkit.queues import isolated_queue

pytestmark = [pytest.mark.step("4.7"), pytest.mark.long]

COLUMNS = ("processes", "active", "reserved", "started", "tasks", "queues")
NOBODY = "nobody@nowhere"


def test_nobody_answers(app, command):
    """If no worker is running, the command says so within two seconds."""
    from images.management.commands import workers

    with isolated_queue(app):
        printed, error = command.once("show", seconds=workers.PATIENCE)
    expect(
        "worker" in error,
        "no worker is running, but the command does not say so.",
        printed=printed.strip() or "nothing",
        file=COMMAND,
    )
    expect(
        0 < workers.PATIENCE <= 2,
        "the command waits too long for workers that don't respond.",
        expected="PATIENCE = 1, or 2 at most",
        found=f"PATIENCE = {workers.PATIENCE}",
        file=COMMAND,
    )


def test_names(app, name, time_limit, monkeypatch):
    """responding_workers() returns the names of the workers."""
    from images.management.commands import workers

    file = f"{COMMAND}, responding_workers()"
    monkeypatch.setattr(workers, "PATIENCE", 2)
    with time_limit(
        "responding_workers() was still running after six seconds.",
        "control.ping() waits for the whole timeout. Pass timeout=PATIENCE.",
        file=file,
    ):
        try:
            found = workers.responding_workers()
        except Exception as error:
            complain(
                "responding_workers() raised an exception.",
                exception=f"{type(error).__name__}: {error}",
                file=file,
            )
    names = list(found or [])
    expect(
        names,
        f"the worker {name} is running, but responding_workers() returned no names.",
        "control.ping(timeout=PATIENCE) pings all workers and returns a list with one dictionary for each "
        "answer.",
        found=repr(found),
        file=file,
    )
    expect(
        all(isinstance(each, str) for each in names),
        "responding_workers() does not return the names of the workers.",
        "control.ping() returns a list of dictionaries, and the keys of these dictionaries are the "
        "workers' names.",
        expected=as_json([name]),
        found=repr(found),
        file=file,
    )


def test_no_answer_in_time(app, name, time_limit, monkeypatch):
    """inspect_workers() works even if a worker answers the ping but doesn't answer every other query in time."""
    from images.management.commands import workers

    file = f"{COMMAND}, inspect_workers()"

    def inspect(who, seconds, what):
        monkeypatch.setattr(workers, "PATIENCE", seconds)
        with time_limit(
            "inspect_workers() was still running after six seconds.", "Pass timeout=PATIENCE.", file=file
        ):
            try:
                return workers.inspect_workers([who])
            except Exception as error:
                complain(
                    f"{what}, and inspect_workers() raised an exception.",
                    "A method of inspect() was not called. Write its name with parentheses: inspect.active()."
                    if re.search("'function'|'method'", str(error))
                    else "Each method of inspect(), such as active(), returns None if no worker answers in "
                    "time. Replace None with {}.",
                    exception=f"{type(error).__name__}: {error}",
                    raised_at=raised_at(error),
                    file=file,
                )

    found = inspect(NOBODY, 0.1, "a worker has just stopped")
    expect(
        not found,
        f"inspect_workers() was asked about {NOBODY}, but it returned data about another worker.",
        "Pass the workers' names as destination.",
        found=repr(found),
        file=file,
    )
    answered = Inspect._request

    def only_stats(self, command, **arguments):
        return answered(self, command, **arguments) if command == "stats" else None

    monkeypatch.setattr(Inspect, "_request", only_stats)
    inspect(name, 2, "a worker answered stats() but no other query in time")


def row(printed, name):
    """Return the worker's row in the table as a dictionary that maps columns to cells."""
    line = next((line for line in printed.splitlines() if line.startswith(name)), "")
    return dict(zip(COLUMNS, line.removeprefix(name).split(maxsplit=len(COLUMNS) - 1), strict=False))


def test_show_and_revoke(app, command, name, slow_exports, photo):
    """The command shows what the worker is doing and how many tasks are waiting, and it revokes tasks."""
    from images.tasks import describe_photo_task

    exports = slow_exports(5)
    until(lambda: len(ask(app, "active") or []) + len(ask(app, "reserved") or []) == 5)
    # The worker leaves the next ones in the queue.
    app.control.cancel_consumer("celery", reply=True, limit=1, timeout=5)
    first, second = (describe_photo_task.delay(photo(photos.jpeg(80, 60)).pk) for _ in range(2))

    printed, error = command("show")
    expect(
        "No worker answers" not in error,
        f"{name} is running, but the command says that no worker answers.",
        "control.ping(timeout=PATIENCE) pings all workers and returns a list with one dictionary for each "
        "answer.",
        error=error,
        file=f"{COMMAND}, responding_workers()",
    )
    expect_no_error(error, "showing the workers")
    found = row(printed, name)
    expect(
        found,
        "the worker is not in the table.",
        "Without the workers' answers to stats(), inspect_workers() lists no workers.",
        expected=name,
        printed=printed.strip(),
        file=f"{COMMAND}, inspect_workers()",
    )
    expected = {
        "processes": str(len(ask(app, "stats")["pool"]["processes"])),
        "active": str(len(ask(app, "active"))),
        "reserved": str(len(ask(app, "reserved"))),
        "tasks": str(len(ask(app, "registered"))),
        "queues": ", ".join(queue["name"] for queue in ask(app, "active_queues")),
    }

    def differing():
        return [column for column in expected if found.get(column, "") != expected[column]]

    if differing():  # perhaps one of its questions was answered too late
        with contextlib.suppress(Complaint):  # about the time that it takes now
            found = row(command.once("show", seconds=0.6)[0], name)
    wrong = differing()
    expect(
        not wrong,
        f"the table shows wrong values for the worker: {', '.join(wrong)}.",
        "inspect() has one method for each of these queries: stats, active, reserved, registered, "
        "active_queues.",
        expected=", ".join(f"{column} {expected[column]}" for column in wrong),
        found=", ".join(f"{column} {found.get(column, '') or 'nothing'}" for column in wrong),
        file=f"{COMMAND}, inspect_workers()",
    )
    expect(
        re.search("queue celery: 2 waiting, but no worker consumes it", printed),
        "two tasks are waiting in the `celery` queue, which no worker consumes, but the command does not "
        "say so.",
        found="\n".join(line for line in printed.splitlines() if line.startswith("queue")) or "nothing",
        file=COMMAND,
    )

    what = "a waiting task was revoked"
    printed, error = command("revoke", first.id)
    expect_no_error(error, "revoking a task")
    expect_answer(printed, name, what, "revoke_task")
    ended, goes_on = (each for each in exports if each.id in running_ids(app))
    _, error = command("revoke", goes_on.id)
    expect_no_error(error, "revoking a running task")
    _, error = command("revoke", ended.id, "--terminate")
    expect_no_error(error, "revoking a running task with --terminate")
    until(lambda: ended.state == "REVOKED")
    expect(
        ended.state == "REVOKED",
        "a running task was revoked with --terminate, but the task is still running.",
        "revoke() only prevents workers from starting the task. With terminate=True, the worker also kills "
        "the process running the task.",
        state=ended.state,
        file=f"{COMMAND}, revoke_task()",
    )
    expect(
        goes_on.id in running_ids(app) and goes_on.state != "REVOKED",
        "a running task was revoked without --terminate, but its process was killed.",
        "Pass the terminate argument on to revoke() instead of always passing True.",
        state=goes_on.state,
        file=f"{COMMAND}, revoke_task()",
    )
    app.control.revoke([task.id for task in exports], terminate=True, reply=True, limit=1, timeout=5)
    app.control.add_consumer("celery", reply=True, limit=1, timeout=5)
    until(second.ready)
    until(first.ready, 1)
    expect(
        first.state == "REVOKED" and second.state == "SUCCESS",
        "a waiting task was revoked but ran anyway."
        if first.state == "SUCCESS"
        else "one of two waiting tasks was revoked, but the other task did not run either."
        if second.state == "REVOKED"
        else "one of two waiting tasks was revoked, but the two tasks did not end in the right states.",
        expected="REVOKED for the first task, SUCCESS for the second one",
        found=f"{first.state} and {second.state}",
        file=f"{COMMAND}, revoke_task()",
    )
