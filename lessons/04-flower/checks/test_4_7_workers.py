import contextlib
import os
import re
import signal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from workshop.checkkit import Complaint, complain, expect, photos, until
from workshop.checkkit.worker import aside, raised_at

pytestmark = [pytest.mark.step("4.7"), pytest.mark.long]

FILE = "images/management/commands/workers.py"
TASK = "images.tasks.describe_photo_task"
STRANGER = "nobody@nowhere"
COLUMNS = ("processes", "active", "reserved", "started", "tasks", "queues")


@pytest.fixture
def command(app, monkeypatch, patience):
    """command("rate", …) runs manage.py workers and returns (what it printed, its error or "")."""
    from images.management.commands import workers

    def run(*arguments, seconds=0.3):
        shown = " ".join(["manage.py workers", *arguments])
        output = StringIO()
        limit = patience(
            f"{shown} has not come to its end after six seconds.",
            "Nobody knows how many workers there are, so a question to all of them waits until timeout= is over.",
            file=FILE,
        )
        with monkeypatch.context() as patch, limit:
            patch.setattr(workers, "PATIENCE", seconds)  # one worker on this machine answers sooner
            # After a ping the connection asks for more answers, by default for a second, before it takes the next.
            patch.setitem(app.conf.broker_transport_options, "polling_interval", 0.1)
            app._pool = app.amqp._producer_pool = None
            try:
                call_command("workers", *arguments, stdout=output, stderr=output)
            except CommandError as error:
                return output.getvalue(), str(error)
            except Complaint:
                raise
            except Exception as error:
                complain(
                    f"{shown} ends with a traceback.",
                    "A question that nobody answers is answered by None, or by an empty list. An order is answered by "
                    "None without reply=True.",
                    exception=f"{type(error).__name__}: {error}".splitlines()[0],
                    raised_at=raised_at(error) or "?",
                    printed=output.getvalue().strip() or "nothing",
                    file=FILE,
                )
        return output.getvalue(), ""

    def patient(*arguments):
        """With less patience than the command has by itself, and with more when the worker was slow."""
        printed, error = run(*arguments)
        nobody = re.search("No worker answers|does not answer", error) and STRANGER not in error
        silent = "@" not in printed and not error and arguments[0] != "grow"  # which must not be done twice
        return run(*arguments, seconds=2) if nobody or silent else (printed, error)

    patient.once = run
    return patient


@pytest.fixture
def name(app, worker):
    """The name of the run's worker."""
    return re.search(r"(\S+@\S+) ready\.", worker.log)[1]


def ask(app, question):
    """What the worker answers, without the command."""
    reply = app.control.broadcast(question, reply=True, limit=1, timeout=5) or [{}]
    return next(iter(reply[0].values()), None)


def expect_no_error(error, what):
    expect(not error, f"{what} does not work.", says=error, file=FILE)


def test_nobody_answers(app, command):
    """Without a worker the command says so, within two seconds."""
    from images.management.commands import workers

    with aside(app):
        printed, error = command.once("show", seconds=workers.PATIENCE)
    expect(
        "worker" in error,
        "there is no worker, and the command does not say so.",
        printed=printed.strip() or "nothing",
        file=FILE,
    )
    expect(
        0 < workers.PATIENCE <= 2,
        "the command waits too long for workers that do not answer.",
        expected="PATIENCE of 1 second or so",
        found=f"PATIENCE = {workers.PATIENCE}",
        file=FILE,
    )


def row(printed, name):
    """The worker's line of the table: {column: cell}."""
    line = next((line for line in printed.splitlines() if line.startswith(name)), "")
    return dict(zip(COLUMNS, line.removeprefix(name).split(maxsplit=len(COLUMNS) - 1), strict=False))


def test_show_and_revoke(app, command, name, busy, photo):
    """The command shows what the worker does and what waits, and calls a task off."""
    from images.tasks import describe_photo_task

    exports = busy(5)
    until(lambda: len(ask(app, "active") or []) + len(ask(app, "reserved") or []) == 5)
    # The worker leaves the next ones in the queue.
    app.control.cancel_consumer("celery", reply=True, limit=1, timeout=5)
    first, second = (describe_photo_task.delay(photo(photos.jpeg(80, 60)).pk) for _ in range(2))

    printed, error = command("show")
    expect(
        "No worker answers" not in error,
        f"{name} is there, and the command says that no worker answers.",
        "control.ping() asks all workers, and collects answers until timeout= is over: a list with a dictionary from "
        "each.",
        says=error,
        file=f"{FILE}, workers_that_answer()",
    )
    expect_no_error(error, "showing the workers")
    found = row(printed, name)
    expect(found, "the worker is not in the table.", expected=name, printed=printed.strip(), file=FILE)
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
        f"the table is not right about the worker's {', '.join(wrong)}.",
        "inspect() has a question for each: stats, active, reserved, registered, active_queues.",
        expected=", ".join(f"{column} {expected[column]}" for column in wrong),
        found=", ".join(f"{column} {found.get(column, '') or 'nothing'}" for column in wrong),
        file=f"{FILE}, inspect_workers()",
    )
    expect(
        re.search(r"queue celery: 2 waiting, and no worker takes from it", printed),
        "two tasks wait in the queue celery, which no worker takes from, and the command says something else.",
        found="\n".join(line for line in printed.splitlines() if line.startswith("queue")) or "nothing",
        file=FILE,
    )

    printed, error = command("revoke", first.id)
    expect_no_error(error, "calling a task off")
    expect(
        name in printed,
        "a task was called off, and the command does not print what the worker answered.",
        "Without reply=True nothing is waited for, and nothing comes back.",
        printed=printed.strip() or "nothing",
        file=f"{FILE}, revoke_task()",
    )
    _, error = command("revoke", exports[0].id, "--terminate")
    expect_no_error(error, "ending a task that has begun")
    until(lambda: exports[0].state == "REVOKED", 5)
    expect(
        exports[0].state == "REVOKED",
        "a task that had begun was to be ended with --terminate, and goes on.",
        "revoke() by itself only keeps a worker from beginning. terminate=True ends the process that is at it.",
        state=exports[0].state,
        file=f"{FILE}, revoke_task()",
    )
    app.control.revoke([task.id for task in exports], terminate=True, reply=True, limit=1, timeout=5)
    app.control.add_consumer("celery", reply=True, limit=1, timeout=5)
    until(second.ready)
    until(first.ready, 1)
    expect(
        first.state == "REVOKED" and second.state == "SUCCESS",
        "a task that waited was called off, and ran all the same."
        if first.state == "SUCCESS"
        else "one of two tasks that waited was called off.",
        expected="REVOKED, and the other one SUCCESS",
        found=f"{first.state}, and the other one {second.state}",
        file=f"{FILE}, revoke_task()",
    )


def limit(app):
    """The rate limit of the task, as the worker says."""
    reply = app.control.broadcast(
        "registered", {"taskinfoitems": ["rate_limit"]}, reply=True, limit=1, timeout=5
    )
    tasks = next(iter(reply[0].values()))
    found = next(each for each in tasks if each.split()[0] == TASK)
    match = re.search(r"rate_limit=(\S+)\]", found)
    return match[1] if match else "none"


def test_rate(app, command, name):
    """The command limits how many of a task a worker starts, and takes the limit away."""
    before = limit(app)
    for wanted in ("7/m", "0"):
        printed, error = command("rate", TASK, wanted)
        expect_no_error(error, "limiting a task's rate")
        found = limit(app)
        expect(
            found == wanted or (wanted == "0" and found in ("none", before)),
            f"a rate of {wanted} was asked for, and the worker has another.",
            expected=wanted,
            found=found,
            printed=printed.strip() or "nothing",
            file=f"{FILE}, limit_rate()",
        )
        expect(
            name in printed,
            "a rate was limited, and the command does not print what the worker answered.",
            "Without reply=True nothing is waited for, and nothing comes back.",
            printed=printed.strip() or "nothing",
            file=f"{FILE}, limit_rate()",
        )
    printed, error = command("rate", "describe_photo_task", "7/m")
    expect(
        error,
        "a rate was to be limited for describe_photo_task, a name that no task has, and nobody said no.",
        "The worker answers with an error. It comes back with reply=True, and report() says so.",
        printed=printed.strip() or "nothing",
        file=f"{FILE}, limit_rate()",
    )


def test_grow(app, worker, command, name):
    """The command gives a worker more processes or fewer, and never takes the last."""

    def processes():
        return len(ask(app, "stats")["pool"]["processes"])

    before, answers = processes(), ""
    for count in (2, -2):
        wanted = processes() + count
        printed, error = command("grow", name, str(count))
        expect_no_error(error, f"grow {count}")
        answers += printed
        if not until(lambda: processes() == wanted, 0.3):  # noqa: B023
            # A worker looks every five seconds how many it should have, and when one of them has ended.
            os.kill(worker.children()[-1], signal.SIGTERM)
            until(lambda: processes() == wanted)  # noqa: B023
        found = processes()
        expect(
            found == wanted,
            f"the worker was to have {wanted} processes, and has {found}.",
            "pool_grow() and pool_shrink() both take a number above 0. With one below they say ok as well, and do "
            "nothing or too little.",
            printed=printed.strip() or "nothing",
            file=f"{FILE}, change_pool()",
        )
    expect(
        name in answers,
        "a pool was changed, and the command does not print what the worker answered.",
        "Without reply=True nothing is waited for, and nothing comes back.",
        printed=answers.strip() or "nothing",
        file=f"{FILE}, change_pool()",
    )
    _, error = command("grow", name, str(-before))
    expect(error and processes() == before, "a worker's last process was taken.", file=FILE)
    _, error = command("grow", STRANGER, "1")
    expect(
        STRANGER in error,
        "grow was called for a worker that does not exist, but the command reported no error.",
        file=FILE,
    )
