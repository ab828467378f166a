"""Each test of a fault adds a line to the table that pytest prints at the end."""

import textwrap

import pytest
from finished_system import PATIENCE, System, tree
from processes import alive

from workshop import paths
from workshop.system.waiting import until

TITLE = "Failures, each caused in real processes of the finished system"


@pytest.fixture
def system(tmp_path):
    with System(tmp_path.resolve()) as running:
        yield running
        everything = [each for process in running.processes.values() for each in tree(process)]
    assert until(lambda: not alive(everything), PATIENCE), alive(everything)


@pytest.fixture
def outcome(record_property):
    """outcome(fault, promise, words) adds a line to the table."""
    return lambda fault, promise, words: record_property("fault", [fault, promise, words])


def hanging(label, sentence):
    """Return a line of the table, wrapped at 80 columns."""
    first, others = f"    {label:<10}", " " * 14
    return textwrap.fill(sentence, 80, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)


def pytest_terminal_summary(terminalreporter, config):
    rows = [
        value
        for report in terminalreporter.stats.get("passed", [])
        for name, value in report.user_properties
        if name == "fault"
    ]
    if not rows:
        return
    lines = [
        "\n".join([fault, hanging("expected", promise), hanging("observed", words)])
        for fault, promise, words in sorted(rows)
    ]
    terminalreporter.write_sep("=", TITLE)
    terminalreporter.write_line("\n".join(lines))
    if config.getoption("--faults-table"):
        table = "\n".join(["$ ./workshop dev faults", *lines, ""])
        (paths.DOCS / "runs/05/faults.txt").write_text(table, encoding="utf-8")
