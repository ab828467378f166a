"""The pytest plugin that runs a lesson's checks against a project and sends events.

The plugin runs in a process that `workshop.checks.pytest_process` starts in the project's folder. The
environment variable WORKSHOP_EVENTS contains the file descriptor to which the plugin writes each event as a
line of JSON.
"""

import contextlib
import inspect
import os
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain, pairwise
from pathlib import Path

import pytest

from workshop.checkkit.worker import WORKER
from workshop.checks import options
from workshop.checks.events import (
    Checked,
    CheckStarted,
    Collected,
    Event,
    Finished,
    PartDone,
    Skipped,
    WorkerReady,
    encode,
)
from workshop.checks.failures import explain

pytest_plugins = ["workshop.checkkit.fixtures"]

OPTIONS = options.read()
GIVEN = "given"
"""The step ID of the checks for code that the learner doesn't edit."""
FAILED: dict[str, int] = {}
"""Maps each failed step to the position of its first failed check."""
POSITION = pytest.StashKey[int]()
"""The position of a check in the lesson."""

_events = os.fdopen(int(os.environ["WORKSHOP_EVENTS"]), "w", buffering=1)


def send(event: Event) -> None:
    """Write the event to the pipe."""
    _events.write(encode(event) + "\n")


WORKER.on_ready = lambda seconds: send(WorkerReady(seconds=seconds))
if OPTIONS.start_worker:
    WORKER.start()  # the worker starts while this process loads the project and collects the checks


def step_of(item: pytest.Item) -> str:
    """Return the step that a check belongs to, or `GIVEN` for checks from earlier lessons."""
    marker = item.get_closest_marker("step")
    return marker.args[0] if marker and marker.args[0] in OPTIONS.steps else GIVEN


def part_of(item: pytest.Item) -> str:
    """Return the part of the lesson that a check belongs to.

    A part contains all checks of one step in one file.
    """
    return f"{step_of(item)} {item.nodeid.partition('::')[0]}"


def claim_of(item: pytest.Item) -> str:
    """Return the unit of checks that a process claims as a whole: a step, or a part of the `GIVEN` checks.

    A check with the marker `same_process_as` belongs to the unit of the step that the marker names.
    """
    marker = item.get_closest_marker("same_process_as")
    step = marker.args[0] if marker else step_of(item)
    return step if step in OPTIONS.steps else part_of(item)


def about(item: pytest.Item) -> str:
    """Return the description of a check, which is its docstring on one line."""
    return " ".join(inspect.cleandoc(item.function.__doc__ or item.name).split())


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests():
    """Load the settings first, because pytest-django would replace the traceback of an ImportError."""
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    with contextlib.suppress(ImproperlyConfigured):  # pytest-django reports this message
        _ = settings.DATABASES


def pytest_sessionstart():
    """Load the whole project, so that import errors are reported before any check runs.

    Raises:
        SystemExit: Django's system checks report errors.
    """
    from django.core import checks

    serious = [error for error in checks.run_checks() if error.is_serious()]
    if serious:
        raise SystemExit(" ".join(map(_sentence, serious)))


def _sentence(error) -> str:
    return " ".join(part for part in (str(error.obj or ""), error.msg, error.hint or "") if part)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Select the checks of the requested step, and sort the checks in lesson order."""
    order = {step: number for number, step in enumerate([*OPTIONS.steps, GIVEN], 1)} | {OPTIONS.first: 0}
    selected = [item for item in items if OPTIONS.only in (None, step_of(item))]
    config.hook.pytest_deselected(items=[item for item in items if item not in selected])
    items[:] = sorted(selected, key=lambda item: order[step_of(item)])
    for position, item in enumerate(items):
        item.stash[POSITION] = position
    steps, parts = (list(dict.fromkeys(map(of, items))) for of in (step_of, part_of))
    send(Collected(steps=steps, parts=parts))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    """Run the checks that this process claims.

    Pytest is also told which check comes next, so that it keeps the fixtures that both checks use.
    """
    if session.testsfailed:
        raise session.Interrupted("the checks cannot be loaded")
    for item, following in pairwise(chain(claim(session.items), [None])):
        send(CheckStarted(part=part_of(item), about=about(item)))
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        if following is None or part_of(following) != part_of(item):
            send(PartDone(part=part_of(item)))
    return True


def claim(items: list[pytest.Item]) -> Iterator[pytest.Item]:
    """Claim and yield the checks that no other process has claimed, one unit at a time."""
    units = defaultdict(list)
    for item in items:
        units[claim_of(item)].append(item)
    numbered = list(enumerate(units.values()))
    if OPTIONS.long_first:
        numbered.sort(key=lambda unit: not unit[1][0].get_closest_marker("long"))
    for number, unit in numbered:
        if not _matters(unit[0]):
            continue
        with contextlib.suppress(FileExistsError):
            Path(OPTIONS.claims, str(number)).touch(exist_ok=False)
            if any("worker" in item.fixturenames for item in unit):
                WORKER.start()  # the worker starts while the previous check finishes
            yield from unit


def _matters(item: pytest.Item) -> bool:
    """Return True if the check can still change the report, which ends with the first failure.

    A failure earlier in the lesson replaces a later failure that this process has already found.
    """
    ends = [position for step, position in FAILED.items() if step not in OPTIONS.optional]
    return OPTIONS.everything or item.stash[POSITION] < min(ends, default=len(item.session.items))


def pytest_runtest_setup(item):
    """Skip a check if its step has already failed or the check can no longer change the report."""
    if step_of(item) in FAILED or not _matters(item):
        pytest.skip("this step or an earlier step has already failed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Send the result of a check."""
    report = yield
    step, part = step_of(item), part_of(item)
    if report.skipped:
        if _matters(item) and step not in FAILED:
            send(Skipped(step=step, part=part, why=report.longrepr[2].removeprefix("Skipped: ")))
        return report
    if report.failed:
        FAILED.setdefault(step, item.stash[POSITION])
        printed = report.capstdout.strip().splitlines()[-8:]
        failure = explain(call.excinfo.value)
        send(Checked(step=step, part=part, about=about(item), failure=failure, printed=printed))
        if "worker" in item.fixturenames:
            WORKER.stop()  # a transaction that was left open must not affect the next check
    elif report.when == "call":
        send(Checked(step=step, part=part, about=about(item)))
    return report


def pytest_sessionfinish():
    """Stop the worker, and send the last event."""
    WORKER.stop()
    send(Finished())
