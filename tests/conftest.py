"""Options, fixtures and scheduling of all tests."""

import os
import shutil
import signal
import socket
from collections import Counter

import pytest
import smallchain
from projects import Project

from workshop import paths
from workshop.runtime.broker import Broker
from workshop.runtime.forked_process import ForkServer
from workshop.system.ports import free_port

# Tests press Ctrl-C. A run in the background of a script inherits that SIGINT is ignored, and would pass that
# on to its processes. In them, a handler set here becomes the default again.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Tests also close terminals, and nohup lets SIGHUP be ignored.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Output wraps as in a pipe, whatever the width and the kind of this terminal are.
os.environ |= {"COLUMNS": "80", "TERM": "xterm-256color"}
COLORS = [
    "FORCE_COLOR",
    "CLICOLOR_FORCE",
    "PY_COLORS",
    "GITHUB_ACTIONS",
    "NO_COLOR",
    "TTY_COMPATIBLE",
    "TTY_INTERACTIVE",
]
for name, value in list(os.environ.items()):
    # Even to bypass a SOCKS proxy, httpx needs a package that isn't installed.
    if name in COLORS or (name.lower().endswith("_proxy") and value.startswith("socks")):
        del os.environ[name]

TOGETHER = (
    "tests/browser/",
    "tests/test_bootstrap.py",
    "tests/test_compose.py",
    "tests/test_deploy.py",
    "tests/test_docs.py",
    "tests/test_samples.py",
    "tests/test_schemas.py",
    "tests/test_servers.py",
    "tests/test_solutions.py",
)
"""Files whose tests share fixtures that are slow to start, so each file runs in one process."""
SLOW = (
    "tests/test_notebooks.py",
    "tests/faults/",
    "tests/test_bench",
    "tests/test_starters_and_solutions.py",
    "tests/test_examples_testing.py",
    "tests/test_demo.py",
    "tests/test_up.py",
    "tests/test_transcripts.py",
)
"""Files with tests of half a minute. They start first, so that none of them runs alone at the end."""
LEFT_OUT = pytest.StashKey[int]()


def pytest_addoption(parser):
    parser.addoption("--faults-table", action="store_true", help="write docs/runs/05/faults.txt")
    parser.addoption(
        "--docker",
        action="store_true",
        help="build the image and run the Compose stack: needs Docker, takes minutes",
    )
    parser.addoption(
        "--all-mistakes", action="store_true", help="run every known mistake, not three of each step"
    )


def pytest_configure(config):
    config.addinivalue_line("markers", "one_more: a known mistake that is run with --all-mistakes")


@pytest.fixture(scope="session")
def forks():
    """One fork server for all runs, so that only the first one waits until the libraries are loaded."""
    with ForkServer() as server:
        yield server


@pytest.fixture
def broker():
    """A running broker."""
    with Broker(prefer=None) as broker:
        yield broker


@pytest.fixture
def no_broker():
    """The address of a broker that is not running."""
    return f"redis://localhost:{free_port()}/0"


@pytest.fixture
def busy_port():
    """A port that this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    """migrated(name): a data folder with an empty, migrated database of a solution. Copy it."""
    folders = {}

    def migrated(name):
        if name not in folders:
            folders[name] = tmp_path_factory.mktemp(name)
            Project(paths.SOLUTIONS / name, folders[name]).manage("migrate", "-v0")
        return folders[name]

    return migrated


@pytest.fixture
def solution(migrated, tmp_path):
    """solution(name, **environment): a solution with its own data folder and a migrated database."""

    def solution(name, **environment):
        data = shutil.copytree(migrated(name), tmp_path / "data")
        return Project(paths.SOLUTIONS / name, data, **environment)

    return solution


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The folder of a workshop with the two made-up lessons of smallchain, which the commands use."""
    smallchain.use(smallchain.build(tmp_path.resolve()), monkeypatch)
    return tmp_path.resolve()


def _place(item):
    """Return the sort key of a test: the slow files in their order, then all others."""
    return next((place for place, name in enumerate(SLOW) if item.nodeid.startswith(name)), len(SLOW))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    items.sort(key=_place)
    if config.getoption("--all-mistakes"):
        return
    more = [item for item in items if item.get_closest_marker("one_more")]
    config.hook.pytest_deselected(items=more)
    items[:] = [item for item in items if item not in more]
    config.stash[LEFT_OUT] = len(more)
    if hasattr(config, "workeroutput"):  # one of several processes: the controller prints the summary
        config.workeroutput["left_out"] = len(more)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    node.config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", 0)


def pytest_terminal_summary(terminalreporter, config):
    if left_out := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(f"{left_out} more known mistakes: ./workshop test --all-mistakes")
    skipped = Counter(report.longrepr[2] for report in terminalreporter.stats.get("skipped", []))
    for reason, number in skipped.most_common():
        terminalreporter.write_line(f"{number} skipped: {reason.removeprefix('Skipped: ')}")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Distribute tests one by one, but each file of TOGETHER as a whole.

    xdist 3.8 misses its own groups with pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.partition("::")[0]
            return file if file.startswith(TOGETHER) else nodeid

    return Scheduling(config, log) if config.getoption("dist") == "load" else None
