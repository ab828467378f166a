import psutil
import pytest
from system import System, tree

TITLE = "Faults, each on real processes of the finished system"
TABLE = pytest.StashKey()


@pytest.fixture
def system(tmp_path):
    running = System(tmp_path.resolve())
    with running:
        yield running
        everything = [each for process in running.processes.values() for each in tree(process)]
    assert not [each for each in everything if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture
def outcome(request, record_property):
    """outcome(fault, promise, words) goes into the table that the run prints."""
    return lambda fault, promise, words: record_property("fault", [fault, promise, words])


def pytest_terminal_summary(terminalreporter):
    rows = [
        value
        for report in terminalreporter.stats.get("passed", [])
        for name, value in report.user_properties
        if name == "fault"
    ]
    if rows:
        terminalreporter.write_sep("=", TITLE)
        for fault, promise, words in sorted(rows):
            terminalreporter.write_line(f"{fault}\n    promised: {promise}\n    seen:     {words}")
