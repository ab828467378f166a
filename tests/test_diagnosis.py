"""The reason why a process exited, which its log shows.

The logs in tests/logs are from real runs of a small project in /project. The names of folders and of the
machine were replaced.
"""

from pathlib import Path

import pytest

from workshop.runtime import diagnosis, service_errors

LOGS = Path(__file__).parent / "logs"
PROJECT = Path("/project")


def recorded(name):
    return (LOGS / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def with_name(lines):
    return [f"worker  | {line}" for line in lines]


def colored(lines):
    return [f"\x1b[36mworker  | \x1b[0m{line}" for line in lines]


SERVICE_ERRORS = {
    # A task failed in images/resizing.py long before.
    "replica": ("its broker refuses to write", "UNBLOCKED force unblock from blocking operation"),
    "replica-at-start": (
        "its broker refuses to write",
        "READONLY You can't write against a read only replica",
    ),
    "full": ("its broker is full", "OOM command not allowed when used memory > 'maxmemory'"),
    "misconf": (
        "its broker cannot save its data and refuses to write",
        "MISCONF Valkey is configured to save",
    ),
    "noauth": ("its broker requires a password", "NOAUTH Authentication required"),
    "wrongpass": ("its broker does not accept the password", "WRONGPASS invalid username-password pair"),
    "loading": ("its broker is still loading its data", "LOADING Valkey is loading the dataset in memory"),
    "refused": ("its broker doesn't respond", "Error 111 connecting to localhost:1. Connection refused"),
    "refused-once": (
        "its broker doesn't respond",
        "Retrying to establish a connection to the message broker",
    ),
    "rabbitmq-refused": ("its broker refuses the login", "(403) ACCESS_REFUSED - Login was refused"),
    "postgres-refused": (
        "its database doesn't respond, or refuses the login",
        'connection failed: connection to server at "127.0.0.1", port 1 failed',
    ),
    "no-table": ("its database lacks a table or a column", "no such table: images_uploadedimage"),
    "flower-port": ("its port is taken", "[Errno 98] Address already in use"),
    "web-port": ("its port is taken", "Error: That port is already in use"),
}


@pytest.mark.parametrize("change", [list, with_name, colored])
@pytest.mark.parametrize("name", SERVICE_ERRORS)
def test_what_a_process_needs_is_named(name, change):
    cause = diagnosis.cause(change(recorded(name)), PROJECT)
    service_error = service_errors.find(cause)
    what, message = SERVICE_ERRORS[name]
    assert (service_error.what, service_error.error[: len(message)]) == (what, message)
    assert service_error.is_broker == ("broker" in what)
    assert service_error.fix
    assert cause.place == ("images/apps.py:10" if name == "no-table" else "")


@pytest.mark.parametrize("change", [list, with_name, colored])
@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("syntax", "images/tasks.py:2: SyntaxError: '(' was never closed"),
        ("settings-syntax", "myproject/settings.py:1: SyntaxError: '(' was never closed"),
        ("chain", "images/tasks.py:4: ValueError: first line"),
        (
            "during",
            "images/tasks.py:5: json.decoder.JSONDecodeError: Expecting property name enclosed in double "
            "quotes: line 1 column 2 (char 1)",
        ),
        ("group", "images/tasks.py:2: ExceptionGroup: photos (2 sub-exceptions): ValueError: one"),
        (
            "system-check",
            "django.core.management.base.SystemCheckError: SystemCheckError: System check identified some "
            "issues: ERRORS: images.UploadedImage.failure_reason: (fields.E121) 'max_length' must be a "
            "positive integer.",
        ),
        (
            "no-app",
            "Error: Unable to load celery application. Module 'myproject.celery' has no attribute 'celery'",
        ),
        ("system-exit", "Set PHOTOS first."),
        ("interrupted", "Aborted!"),
        ("task-failed", ""),  # a task's error is not why the worker ended
        ("os-exit", ""),
    ],
)
def test_the_error_that_ended_a_process(name, cause, change):
    found = diagnosis.cause(change(recorded(name)), PROJECT)
    assert str(found) == cause
    assert service_errors.find(found) is None


TRACEBACK = [
    "Traceback (most recent call last):",
    '  File "/project/images/resizing.py", line 4, in resize',
    "    raise ValueError('no such mode')",
    "ValueError: no such mode",
]


@pytest.mark.parametrize(
    "above",
    [
        "[2026-11-28 20:22:22,960: ERROR/ForkPoolWorker-1] Task images.x[1] raised unexpected: Error()",
        "[2026-11-28 20:22:22,960: INFO/ForkPoolWorker-1] Task images.x[1] retry: Retry in 1s: Error()",
        "[2026-11-28 20:22:22,960: WARNING/MainProcess] consumer: Connection to broker lost.",
        "Internal Server Error: /photos/7/",
        "Exception ignored in: <function Photo.__del__ at 0x7fb>",
        "Exception happened during processing of request from ('127.0.0.1', 4000)",
        "Exception in thread Thread-1 (upload):",
        "Process ForkPoolWorker-2:",
        "--- Logging error ---",
        "ERROR:images.views:no photo",
        "[E 261128 14:31:21 web:1875] Uncaught exception GET /tasks (127.0.0.1)",
    ],
)
def test_an_error_after_which_the_process_went_on_is_not_the_cause(above):
    assert diagnosis.cause([above, *TRACEBACK], PROJECT).place == ""
    assert diagnosis.place([above, *TRACEBACK], PROJECT) == "images/resizing.py:4"


@pytest.mark.parametrize(
    "below",
    [
        '[28/Nov/2026 20:22:22] "GET / HTTP/1.1" 200 4521',
        "[2026-11-28 20:22:22,960: INFO/MainProcess] celery@laptop ready.",
    ],
)
def test_what_a_process_writes_after_an_error_tells_that_it_went_on(below):
    assert diagnosis.cause([*TRACEBACK, below], PROJECT) == diagnosis.Cause(below if "GET" in below else "")


def test_a_printed_traceback_of_a_task_has_a_record_in_each_line():
    mark = "[2026-11-28 20:22:22,960: WARNING/ForkPoolWorker-1] "
    assert diagnosis.cause([mark + line for line in TRACEBACK], PROJECT) == diagnosis.Cause()


def test_an_error_of_the_learner_with_the_words_of_a_server_is_theirs():
    lines = [*TRACEBACK[:3], "ValueError: this form is READONLY, no such table: x"]
    cause = diagnosis.cause(lines, PROJECT)
    assert cause.place == "images/resizing.py:4"
    assert service_errors.find(cause) is None


def test_manage_py_is_blamed_only_for_what_is_raised_in_it():
    def of(*frames):
        lines = [f'  File "{PROJECT / file}", line {line}, in x' for file, line in frames]
        return diagnosis.cause([TRACEBACK[0], *lines, "ImportError: no"], PROJECT).place

    assert of(("manage.py", 9)) == "manage.py:9"
    assert of(("manage.py", 9), ("/venv/django/x.py", 3)) == ""
    assert of(("manage.py", 9), ("images/urls.py", 2), ("/venv/django/x.py", 3)) == "images/urls.py:2"
