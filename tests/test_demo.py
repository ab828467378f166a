"""`./workshop demo` with real sites and real photos, and that it leaves nothing behind."""

import os
import pty
import re
import signal
import struct
import termios
from contextlib import ExitStack
from fcntl import ioctl

import httpx
import psutil
import pytest
from files import edit
from processes import alive
from projects import copy_of
from rich.console import Console
from workshop_process import Up

from benchmarks import startup
from workshop import paths
from workshop.demo import command, table
from workshop.demo.photos import Photo
from workshop.errors import WorkshopError
from workshop.photos.samples import SAMPLES
from workshop.runtime import solution_site
from workshop.runtime.site_stack import SiteStack
from workshop.system.child import Child
from workshop.system.ports import is_free

BOTH_RUN = "to each site, in turn"
STOPPED = "Stopped. Nothing is left running."


class Demo(Up):
    """`demo` as a real process. All its files are in `folder`."""

    def __init__(self, folder, *options, root=paths.ROOT, terminal=None):
        folder.mkdir()
        elsewhere = {"REDIS_URL": "redis://localhost:1/0", "DATABASE_URL": "postgres://nobody@localhost:1/x"}
        own = {"TMPDIR": str(folder), "TERM": "xterm", "DEBUG": "0"}
        self.folder = folder
        command = startup.workshop("demo", *options)
        variables = startup.environment(root) | own | elsewhere
        self.process = Child(command, folder=root, environment=variables, terminal=terminal)
        self.lines = []

    def ports(self):
        return {
            connection.laddr.port
            for child in self.children()
            for connection in child.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        }


@pytest.fixture
def start(tmp_path):
    """start(*options): `demo` as a real process. It is stopped after the test."""
    with ExitStack() as stack:

        def start(*options, **more):
            return stack.enter_context(Demo(tmp_path / "tmp", *options, **more))

        yield start


def assert_nothing_left(run, children, ports):
    assert alive(children) == []
    assert [port for port in ports if not is_free(port)] == []
    assert list(run.folder.iterdir()) == []


def broken_root(folder, name, before, after):
    """Create a workshop whose newest solution has a changed file `name`."""
    for part in ("lessons", "solutions"):
        copy_of(paths.ROOT / part, folder / part)
    edit(folder / "solutions" / solution_site.newest() / name, (before, after))
    return folder


def test_all_photos_go_through_and_nothing_is_left(start):
    run = start("--exit")
    run.until(BOTH_RUN)
    children, ports = run.children(), run.ports()
    assert len(ports) >= 4, "two sites, two brokers; and what else the newest one starts"
    assert len(list(run.folder.glob("workshop-*"))) == 3, "two brokers' folders, one for the sites"
    own = {child.environ()["TMPDIR"] for child in children if "runserver" in child.cmdline()}
    assert own == {str(folder) for folder in run.folder.glob("workshop-demo-*")}, "an upload cut short stays"
    assert run.end() == 0
    assert_nothing_left(run, children, ports)
    out = run.text
    newest = solution_site.newest()
    assert f"solutions/{newest}: " in out
    assert re.search(r"held-upright\.jpg resized +\d+\.\d\d s  450×600, 3\.5 MB → \d+ kB", out)
    assert re.search(r"small\.jpg +resized +\d+\.\d\d s  320×240, 26 kB → \d+ kB", out)
    assert re.search(r"phone\.jpg +waiting\n", out)
    assert re.search(r"7 resized: from 1\d\.\d MB to \d+ kB in total\.", out)
    assert "2 refused by the form" in out
    assert "  text.jpg: this is not a picture that can be read." in out
    assert "  bomb.png: this picture has too many pixels.\n" in out
    assert "1 failed in the worker" in out
    assert "  cut-short.jpg: This picture is damaged or cut short.\n" in out
    times = re.findall(r"(blocking|offloaded) +(\S+) +median +(\d+) ms   slowest +(\d+) ms", out)
    assert [found[:2] for found in times] == [("blocking", "01-sync"), ("offloaded", newest)]
    (_, _, blocking, slowest), (_, _, offloaded, _) = times
    assert int(slowest) >= int(blocking) > 0 < int(offloaded)
    said = float(re.search(r"took ([\d.]+) times as long", out)[1])
    assert said == pytest.approx(int(blocking) / int(offloaded), rel=0.1)
    assert run.lines[-1] == STOPPED
    assert "\033[" not in out


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("Starting the finished system", signal.SIGINT),
        ("held-upright.jpg uploading", signal.SIGINT),
        (BOTH_RUN, signal.SIGTERM),
    ],
)
def test_stopped_in_the_middle(start, moment, number):
    run = start()
    run.until(moment)
    children, ports = run.children(), run.ports()
    assert ports, "the broker at least"
    run.send(number)
    assert run.end() == 130
    assert "Traceback" not in run.text
    assert run.lines[-1] == STOPPED
    assert_nothing_left(run, children, ports)


def test_live_table_in_a_terminal_and_the_site_stays_until_ctrl_c(start):
    terminal, end = pty.openpty()
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    run = start(terminal=end)
    os.close(end)
    text = read_until(terminal, r"The site keeps running at (http://localhost:\d+) until you press Ctrl-C\.")
    address = re.search(r"keeps running at (http://localhost:\d+)", text)[1]
    assert httpx.get(address, trust_env=False).text.count("held-upright") >= 2
    children, ports = run.children(), run.ports()
    run.send(signal.SIGINT)
    text += read_until(terminal, re.escape(STOPPED))
    assert run.process.wait(300) == 0
    os.close(terminal)
    assert_nothing_left(run, children, ports)
    assert "Traceback" not in text
    assert "\033[" in text
    for state in ("painting", "painted", "uploading", "waiting", "resized", "refused", "failed"):
        assert state in text
    frames = re.sub(r"\033\[[\d;?]*[A-Za-z]", "", text).split("photo  ")
    rows = [line for line in frames[-1].splitlines() if re.match(r"\S+\.(jpg|png|webp|gif) ", line)]
    assert len(rows) == 10
    assert len(frames) > 5


def read_until(terminal, pattern):
    text = b""
    while not re.search(pattern, text.decode(errors="replace")):
        text += os.read(terminal, 65536)
    return text.decode()


def test_another_outcome_is_said_and_is_exit_code_1(start, tmp_path):
    root = broken_root(tmp_path / "root", "images/pictures.py", '"WEBP", "GIF"]', '"WEBP"]')
    run = start("--exit", root=root)
    assert run.end() == 1
    assert "\nanimated.gif: expected the state resized, but got refused. " in run.text
    assert "this is not a picture that can be read" in run.text
    assert run.text.count("expected the state") == 1
    assert "6 resized" in run.text
    assert_nothing_left(run, [], [])


def test_a_site_that_does_not_start(start, tmp_path):
    root = broken_root(tmp_path / "root", "images/tasks.py", "import time", "import nothing_of_this_name")
    run = start(root=root)
    assert run.end() == 1
    assert "these processes failed to start: migrate, web, worker." in run.text
    assert "images/tasks.py:4: ModuleNotFoundError: No module named 'nothing_of_this_name'" in run.text
    assert "./workshop doctor" in run.text
    assert "Traceback" not in run.text
    assert_nothing_left(run, [], [])


def test_the_newest_solution_is_the_last(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "SOLUTIONS", tmp_path)
    with pytest.raises(WorkshopError, match="no solution"):
        solution_site.newest()
    for name in ("04-flower", "05-beat", "03-images"):
        (tmp_path / name).mkdir()
    for name in ("04-flower", "03-images"):
        (tmp_path / name / "Procfile").write_text("web: x")
    assert solution_site.newest() == "04-flower"


class SiteThatIsStopped:
    """A site whose start and stop are each interrupted with Ctrl-C."""

    def __init__(self):
        self.seen = []

    def start(self):
        signal.raise_signal(signal.SIGINT)
        self.seen.append("started")

    def hurry(self):
        self.seen.append("hurried")

    def stop(self):
        signal.raise_signal(signal.SIGINT)
        self.seen.append("stopped")


def test_a_start_is_never_left_half_way_and_a_second_ctrl_c_hurries():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    site = SiteThatIsStopped()
    with ExitStack() as stack:
        sites = SiteStack(stack)
        with pytest.raises(KeyboardInterrupt):
            sites.start(site)
        assert site.seen == ["started"]
        sites.hold_signals()
    assert site.seen == ["started", "hurried", "stopped"]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_ctrl_c_after_the_last_photo_does_not_interrupt_the_end(monkeypatch, capsys):
    class Quick(SiteThatIsStopped):
        def start(self):
            self.seen.append("started")

    site = Quick()
    monkeypatch.setattr(command, "_run", lambda sites, _: sites.start(site) and 0)
    assert command.main(exit_when_done=True) == 0
    assert site.seen == ["started", "stopped"]
    assert capsys.readouterr().out.endswith(f"{STOPPED}\n")


def test_no_signal_interrupts_the_end():
    with ExitStack() as stack:
        folder = (sites := SiteStack(stack)).folder()
        assert folder.is_dir()
        sites.hold_signals()
        signal.raise_signal(signal.SIGTERM)
    assert not folder.exists()


@pytest.mark.parametrize("columns", [80, 100, 130])
def test_table_fits(columns, monkeypatch):
    console = Console(width=columns, file=(out := open(os.devnull, "w")), record=True, force_terminal=True)  # noqa: SIM115
    monkeypatch.setattr(table, "console", console)
    photos = [Photo(sample) for sample in SAMPLES]
    for photo in photos:
        photo.state, photo.content, photo.bytes_after, photo.pixels = (
            "uploading",
            b"x" * 157_000,
            109_000,
            "800×600",
        )
        photo.seconds = 10
    photos[0].state = "resized"
    console.print(table.ProgressDisplay(photos).table())
    lines = console.export_text().splitlines()
    out.close()
    assert len(lines) == len(photos) + 1, "no row is folded"
    assert max(map(len, lines)) <= columns
    for line, photo in zip(lines[1:], photos, strict=True):
        assert photo.name in line
        assert "157 kB → 109 kB" in line
        assert photo.state in line
        assert photo.sample.purpose[: 70 if columns == 130 else 7] in line
