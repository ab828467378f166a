"""The notebooks: clean in git, right when they are run, and never a hang or a traceback for a reader."""

import ast
import contextlib
import dataclasses
import json
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from types import SimpleNamespace

import celery
import httpx
import nbformat
import psutil
import pytest
import redis
from files import write
from jupyter_client.manager import start_new_kernel

from workshop import paths
from workshop.course import lessons
from workshop.docsite import notebook_pages
from workshop.errors import WorkshopError
from workshop.notebookkit import LiveDatabase, exercises, project, readable_errors, running_services
from workshop.notebookkit.exercises.answers import UNANSWERED
from workshop.notebooks import convert, execute, server
from workshop.notebooks.convert import CHECK, PROJECT, SOLUTION, TURN, tagged
from workshop.runtime.broker import Broker, without_password
from workshop.system.child import Child
from workshop.system.environment import inherited
from workshop.system.ports import free_port, listener
from workshop.system.waiting import until

FILES = convert.all_files()
LESSONS = [lessons.find(file.stem) for file in FILES]
WITH_WORKERS = [lesson for lesson in LESSONS if lesson.code != "01"]
CALL = re.compile(r'check\("(\d\.\d)"')
UNSOLVED = "unsolved"
IMPORTS = (ast.Import, ast.ImportFrom)
MOST_LINES, MOST_IN_A_CELL = 120, 14
"""Lines of code to read, without empty ones: in a notebook, and in a cell without its imports."""


def by_name(each):
    return each.name


def words(cell):
    """Return the outputs of a cell as text."""
    return "\n".join(
        output.get("text")
        or output.get("data", {}).get("text/plain")
        or "\n".join(output.get("traceback", []))
        for output in cell.get("outputs", [])
    )


def read(lesson):
    return convert.read(paths.NOTEBOOKS / f"{lesson.name}.ipynb")


def test_every_lesson_has_one():
    assert [file.stem for file in FILES] == [lesson.name for lesson in lessons.all_lessons()]


@pytest.mark.parametrize(
    ("module", "unused"),
    [("docsite.notebook_pages", {"lark", "nbclient"}), ("notebooks.lab", {"lark"})],
    ids=["docs", "lab"],
)
def test_a_start_compiles_no_grammar_and_loads_no_client(module, unused):
    """Both would make each start of the docs and of JupyterLab up to a second slower."""
    code = f"import sys, workshop.{module}; print({unused!r} & set(sys.modules))"
    environment = inherited() | {"PYTHONPATH": str(paths.ROOT / "src")}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert run.stdout == "set()\n", run.stderr


@pytest.mark.parametrize("file", FILES, ids=by_name)
def test_no_outputs_in_git(file):
    """`./workshop dev notebooks` removes them."""
    clean = convert.written(convert.stripped(convert.read(file)))
    assert file.read_text(encoding="utf-8") == clean, "./workshop dev notebooks takes out what a run has left"
    nbformat.validate(convert.read(file))


def lines_of(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


@pytest.mark.parametrize("lesson", LESSONS, ids=by_name)
def test_code_is_short_to_read(lesson):
    """Code that is not the topic of the lesson, such as plots, is in `workshop.notebookkit`."""
    code = [cell for cell in read(lesson).cells if cell.cell_type == "code"]
    assert sum(len(lines_of(cell)) for cell in code) <= MOST_LINES
    for cell in code:
        statements = [each for each in ast.parse(cell.source).body if not isinstance(each, IMPORTS)]
        lines = sum(len(lines_of(SimpleNamespace(source=ast.unparse(each)))) for each in statements)
        assert max(lines, len(lines_of(cell)) - count_of_imports(cell)) <= MOST_IN_A_CELL, cell.source
        assert "plt." not in cell.source, f"a plot belongs in notebookkit/plots.py:\n{cell.source}"


def count_of_imports(cell):
    """Return how many lines of a cell are imports."""
    found = [each for each in ast.parse(cell.source).body if isinstance(each, IMPORTS)]
    return sum(each.end_lineno - each.lineno + 1 for each in found)


@pytest.mark.parametrize("lesson", LESSONS, ids=by_name)
def test_turns_have_a_check_and_a_solution(lesson):
    cells = read(lesson).cells
    turn_cells = [cell for cell in cells if tagged(cell, TURN)]
    checks = [CALL.search(cell.source)[1] for cell in cells if tagged(cell, CHECK)]
    assert 3 <= len(turn_cells) <= 5
    assert checks == [f"{int(lesson.code)}.{number}" for number in range(1, len(turn_cells) + 1)]
    assert len([cell for cell in cells if tagged(cell, PROJECT)]) == 1
    folded = [cell for cell in cells if tagged(cell, SOLUTION)]
    assert all(cell.source.startswith("<details><summary>Solution</summary>\n\n") for cell in folded)
    assert all("..." in cell.source for cell in turn_cells), "a reader sees where to write"
    convert.filled(read(lesson))


def as_readers_do(lesson):
    """Return the notebook with each exercise twice: first unsolved, together with its check, then solved."""
    solved = convert.filled(read(lesson))
    found = convert.filled(read(lesson), solved=False).cells
    cells = []
    for place, cell in enumerate(solved.cells):
        if tagged(cell, TURN):
            end = next(number for number in range(place, len(found)) if tagged(found[number], CHECK))
            for unsolved in found[place : end + 1]:
                unsolved.metadata.tags = [*unsolved.metadata.tags, UNSOLVED, "raises-exception"]
                cells.append(unsolved)
        cells.append(cell)
    solved.cells = cells
    return solved


@pytest.mark.parametrize("lesson", LESSONS, ids=by_name)
def test_runs_against_live_workers(lesson):
    """Run it twice in one kernel. In the first run, each exercise is also checked before it is solved.

    Afterwards, nothing is left behind.
    """
    notebook = as_readers_do(lesson)
    notebook.cells += convert.filled(read(lesson)).cells
    with execute.stage(lesson) as site:
        execute.run(notebook, site)
        assert until(lambda: not left_behind(site.broker_url), 60), left_behind(site.broker_url)
        with closing(sqlite3.connect(site.data / "db.sqlite3")) as database:
            assert database.execute("SELECT image FROM images_uploadedimage").fetchall() == []
        assert list((site.data / "media/uploads").glob("*")) == []
    checks = [cell for cell in notebook.cells if tagged(cell, CHECK)]
    turns_of_it = len([cell for cell in read(lesson).cells if tagged(cell, TURN)])
    assert len(checks) == 3 * turns_of_it
    for cell in checks:
        verdict = "✗ Not yet." if tagged(cell, UNSOLVED) else "✓ Right."
        assert words(cell).startswith(verdict), f"{cell.source}\n\n{words(cell)}"


@pytest.mark.parametrize("lesson", WITH_WORKERS, ids=by_name)
def test_without_a_worker_every_cell_ends_with_a_sentence(lesson, monkeypatch):
    monkeypatch.setattr(execute, "CELL_SECONDS", 45)
    workers = [
        name for name in ("worker", "slow", "beat") if name in (lesson.solution / "Procfile").read_text()
    ]
    with execute.stage(lesson, without=workers) as site:
        found = execute.run(convert.filled(read(lesson)), site, go_on=True)
        left = left_behind(site.broker_url)
    assert not left, "the last cell removes the messages that no worker has received"
    told = [words(cell) for cell in found.cells if cell.cell_type == "code"]
    assert "No worker is running. Start one in a terminal: ./workshop up" in told[0]
    for cell in found.cells:
        failed = [output for output in cell.get("outputs", []) if output.output_type == "error"]
        for output in failed:
            said = "\n".join(output.traceback)
            assert "Traceback" not in said, f"{cell.source}\n\n{said}"
            assert re.search(
                r"worker (is running|is up|up)|[Nn]o worker consumes|ran?k?\b.*first|waits|haven't run",
                said,
            ), f"{cell.source}\n\n{said}"


def test_two_readers_share_a_broker():
    """Two kernels use one site at the same time, without a common name of a queue, photo or result."""
    lesson = lessons.find("02")
    notebooks = [convert.filled(read(lesson)) for _ in range(2)]
    with execute.stage(lesson) as site, ThreadPoolExecutor(2) as threads:
        runs = [threads.submit(execute.run, reader, site) for reader in notebooks]
        checks = [cell for run in runs for cell in run.result().cells if tagged(cell, CHECK)]
    assert [words(cell)[:8] for cell in checks] == ["✓ Right."] * 8


@pytest.mark.parametrize("name", ["LOOK_QUEUE", "Mailbox().address", "unique('lock')", "project.OWN"])
def test_names_belong_to_one_reader(name):
    """They differ between kernels. After a restart they are the same, so a cell can remove what it sent."""
    code = f"from workshop.notebookkit import LOOK_QUEUE, Mailbox, project, unique; print({name})"
    with kernel() as first, kernel() as second:
        before = first(code)
        first.manager.restart_kernel(now=True)
        assert before.strip()
        assert [first(code), second(code) != before] == [before, True]


@contextlib.contextmanager
def kernel():
    """Run the kernel of a notebook. Yields run(code), which returns what the code prints."""
    environment = inherited() | {"PYTHONPATH": str(paths.SOURCES)}
    manager, client = start_new_kernel(kernel_name="python3", env=environment)

    def run(code):
        printed = []
        client.wait_for_ready(timeout=execute.CELL_SECONDS)
        client.execute_interactive(
            code, timeout=execute.CELL_SECONDS, output_hook=lambda said: printed.append(said["content"])
        )
        return "".join(content.get("text", "") for content in printed)

    run.manager = manager
    try:
        yield run
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_cell_with_the_live_database_runs_twice(tmp_path):
    for _ in range(2):
        with LiveDatabase(tmp_path / "live.sqlite3") as database:
            assert len(database.missing_in_copies(shutil.copyfile, count=2)) == 2
            assert database.error == ""


def test_without_a_broker_the_first_cell_says_so(tmp_path):
    lesson = WITH_WORKERS[0]
    notebook = convert.filled(read(lesson))
    notebook.cells = notebook.cells[:4]
    with execute.stage(lesson, without=["worker"]) as site:
        site.end_broker()
        found = execute.run(notebook, site, go_on=True)
    told = [words(cell) for cell in found.cells if cell.cell_type == "code"]
    assert told[0].startswith("No broker responds at redis://localhost:")
    assert "Start the broker and the worker in a terminal: ./workshop up solutions/" in told[0]
    assert told[1].startswith(
        "name 'project' is not defined. Is this name defined in a cell above that you haven't"
    )


def left_behind(broker_url):
    """Return {queue: number of messages} for all messages that wait in a queue or are unacknowledged.

    Replies to remote control commands are not counted: a reply that comes too late stays forever.
    """
    broker = redis.Redis.from_url(broker_url)
    lists = [
        name
        for name in map(bytes.decode, broker.scan_iter(_type="list"))
        if not name.endswith(".reply.celery.pidbox")
    ]
    found = {name: broker.llen(name) for name in lists}
    found["unacked"] = broker.hlen("unacked")
    return {name: count for name, count in found.items() if count}


@pytest.mark.parametrize("choice", ["mine", "theirs"])
def test_a_first_cell_without_a_project_ends_with_a_sentence(root, monkeypatch, choice):
    """The lesson was not started, or PROJECT is misspelled: no traceback is shown."""
    shown = []
    shell = SimpleNamespace(
        set_custom_exc=lambda kinds, show: shown.append(show),
        _showtraceback=lambda kind, text, lines: shown.append(text),
    )
    monkeypatch.setattr(readable_errors, "get_ipython", lambda: shell)
    with pytest.raises(WorkshopError) as caught:
        project.open_project("01", choice)
    show = shown.pop()
    show(shell, WorkshopError, caught.value, caught.tb)
    assert ("./workshop start 01" if choice == "mine" else '"mine"') in shown[0]


@pytest.mark.parametrize("known", [True, False])
def test_the_password_of_the_broker_is_asked_for_and_never_shown(tmp_path, known):
    """Outputs are saved in the notebook. `up` records the address without the password."""
    code = "from workshop.notebookkit.project import open_project as o; print(*o('02', 'solution')._lines())"
    with Broker(prefer=None) as broker:
        redis.Redis.from_url(broker.url).config_set("requirepass", "secret")
        url = broker.url.replace("//", "//:secret@")
        written = {"data": str(tmp_path), "addresses": {"broker": without_password(url)}}
        environment = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
        environment |= {"PYTHONPATH": str(paths.ROOT / "src"), running_services.VARIABLE: json.dumps(written)}
        environment |= {"REDIS_URL": url} if known else {}
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    said = run.stdout + run.stderr
    assert run.returncode == (0 if known else 1), said
    assert without_password(url) in said
    assert "secret" not in said
    assert ("set REDIS_URL in that terminal to the address that ./workshop up uses" in said) is not known


@pytest.mark.parametrize("answer", [..., None, "PENDING", [], object()])
def test_a_check_never_raises_for_an_answer(answer):
    for lesson in LESSONS:
        for cell in read(lesson).cells:
            if tagged(cell, CHECK):
                count = cell.source.count(",")
                verdict = exercises.check(CALL.search(cell.source)[1], *[answer] * count)
                assert not verdict.right
                assert repr(verdict).startswith("✗ Not yet. ")


@pytest.mark.parametrize(
    ("exercise", "untouched"),
    [
        ("1.1", lambda *sides: ...),
        ("1.2", lambda content: {"orientation": ..., "place": ...}),
        ("2.2", lambda result: {"state": ..., "value": ..., "error": ...}),
    ],
)
def test_an_untouched_function_is_told_to_replace_the_dots(exercise, untouched):
    assert exercises.check(exercise, untouched).text == UNANSWERED


def test_an_answer_that_waits_for_the_result_is_told_so():
    """A get(timeout=…) in the answer ends like this, even if a worker is running."""

    def waits(result):
        raise celery.exceptions.TimeoutError

    verdict = exercises.check("2.2", waits)
    assert not verdict.right
    assert "instead of calling get()" in verdict.text


@pytest.mark.parametrize("seconds", [0.02, 0.5, 0.999])
def test_a_right_share_is_right_whatever_it_is(seconds):
    """Special cases: for 0.5 the rest has the same share, and for 1 the ratio is the same."""
    verdict = exercises.check("1.3", seconds, 1.0, SimpleNamespace(resize_seconds=seconds))
    assert verdict.right, verdict


@pytest.mark.parametrize(
    ("share", "sentence"),
    [
        (80, "Your share is a percentage. As a fraction, 80 % is 0.80."),
        (1.25, "Swap the two numbers."),
        (0.2, "You computed the share of everything else"),
        (1, "The resize is only part of the request"),
        (0.5, "Your share is 0.500. According to the database row, the resize took 0.800 s"),
    ],
)
def test_a_typical_mistake_is_named(share, sentence):
    verdict = exercises.check("1.3", share, 1.0, SimpleNamespace(resize_seconds=0.8))
    assert not verdict.right
    assert sentence in verdict.text


@pytest.mark.parametrize(
    ("swaps", "before", "says"),
    [
        (lambda orientation: False, True, "swap the two sides before you compute the factor"),
        (lambda orientation: orientation >= 5, False, "swap the two sides before you compute the factor"),
        (lambda orientation: orientation > 1, True, "only for orientations 5 to 8"),
        (lambda orientation: True, True, "only for orientations 5 to 8"),
    ],
    ids=["never", "afterwards", "upside down too", "always"],
)
def test_the_sides_are_swapped_for_a_rotated_photo(swaps, before, says):
    def fitted(width, height, orientation):
        if before and swaps(orientation):
            width, height = height, width
        factor = min(800 / width, 600 / height, 1)
        size = round(width * factor), round(height * factor)
        return size[::-1] if swaps(orientation) and not before else size

    verdict = exercises.check("1.1", fitted)
    assert not verdict.right
    assert says in verdict.text, verdict.text


def test_every_exercise_is_checked():
    notebooks = [cell.source for lesson in LESSONS for cell in read(lesson).cells if tagged(cell, CHECK)]
    assert [CALL.search(source)[1] for source in notebooks] == list(exercises.EXERCISES)


def test_no_such_exercise():
    with pytest.raises(WorkshopError, match="no exercise 2.9"):
        exercises.check("2.9", 1)


@pytest.fixture
def root(tmp_path, monkeypatch):
    for name in ("PLAYGROUND", "STATE", "BACKUPS"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
    monkeypatch.setattr(paths, "NOTEBOOKS", tmp_path / "notebooks")
    paths.NOTEBOOKS.mkdir()
    for name in ("02-celery-basics.ipynb", "helper.py"):
        (paths.NOTEBOOKS / name).write_text(f"the workshop's {name}")
    return tmp_path


def test_a_readers_notebook_is_kept_and_an_untouched_one_follows(root):
    copy = server.update_copies() / "02-celery-basics.ipynb"
    assert copy.read_text() == "the workshop's 02-celery-basics.ipynb"
    source = paths.NOTEBOOKS / copy.name
    source.write_text("a newer one")
    server.update_copies()
    assert copy.read_text() == "a newer one"
    copy.write_text("with my answers")
    source.write_text("newer still")
    server.update_copies()
    assert copy.read_text() == "with my answers"
    backup = server.start_over(lessons.find("02"))
    assert backup.read_text() == "with my answers"
    assert copy.read_text() == "newer still"


def test_the_token_is_private(root):
    token = server.token()
    assert token == server.token()
    assert len(token) >= 12
    assert stat.S_IMODE((paths.STATE / "notebook-token").stat().st_mode) == 0o600
    assert token not in server.jupyter().command


def test_jupyter_wants_the_token_and_listens_here_alone(root, tmp_path, monkeypatch):
    """Also if the learner's own JupyterLab has other settings."""
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path, {".jupyter/jupyter_server_config.py": "c.ServerApp.base_url = '/mine/'\n"})
    service = server.jupyter(free_port())
    with Child(service.shell_command, folder=service.folder, environment=service.environment) as process:
        address = f"http://localhost:{service.port}"
        assert until(lambda: listener(process.pid, service.port), 60)
        assert httpx.get(f"{address}/api/contents", trust_env=False, timeout=30).status_code == 403
        found = httpx.get(
            f"{address}/api/contents", params={"token": server.token()}, trust_env=False, timeout=30
        ).json()
        assert {entry["name"] for entry in found["content"]} == {"02-celery-basics.ipynb", "helper.py"}
        tabs = {"data": {}, "metadata": {"id": "default"}}
        token = {"Authorization": f"token {server.token()}"}
        httpx.put(
            f"{address}/lab/api/workspaces/default", json=tabs, headers=token, trust_env=False, timeout=30
        )
        assert list((paths.STATE / "jupyter/workspaces").iterdir()), "clones don't share their open tabs"
        listening = {
            each.laddr.ip
            for each in psutil.Process(process.pid).net_connections()
            if each.status == psutil.CONN_LISTEN
        }
        assert listening <= {"127.0.0.1", "::1"}


def test_pages_have_outputs_of_the_last_run_alone(tmp_path, monkeypatch):
    """A run of another version of the notebook is not shown."""
    lesson = LESSONS[0]
    monkeypatch.setattr(paths, "STATE", tmp_path / "state")
    monkeypatch.setattr(paths, "DOCS", tmp_path / "docs")
    executed = read(lesson)
    shown = next(cell for cell in executed.cells if cell.cell_type == "code")
    mail = "<!doctype html><html><body><h1>A mail</h1>\n\n<p>of its own</p></body></html>"
    shown.outputs = [
        nbformat.v4.new_output("stream", text=f"{paths.ROOT}/solutions was here"),
        nbformat.v4.new_output("display_data", data={"text/html": mail}),
    ]
    notebook_pages.store_run(lesson, executed)
    notebook_pages.write()
    page = (paths.DOCS / "notebooks" / f"{lesson.name}.md").read_text(encoding="utf-8")
    assert "solutions was here" in page
    assert "<p><strong>A mail</strong></p>\n<p>of its own</p>\n</div>" in page, "a part of the page"
    assert str(paths.ROOT) not in page
    assert "The outputs are from a run on" in page
    assert "](../lessons/" in page
    kept = json.loads((paths.STATE / "notebooks" / f"{lesson.name}.ipynb").read_text())
    kept["metadata"]["digest"] = "of another version"
    (paths.STATE / "notebooks" / f"{lesson.name}.ipynb").write_text(json.dumps(kept))
    notebook_pages.write()
    page = (paths.DOCS / "notebooks" / f"{lesson.name}.md").read_text(encoding="utf-8")
    assert "was here" not in page
    assert "The notebook has not been run, so" in page


def test_a_build_says_which_notebook_it_runs(tmp_path, monkeypatch, capsys):
    """Before it runs: each takes a minute. A notebook that has not changed is not run."""
    monkeypatch.setattr(paths, "STATE", tmp_path / "state")
    monkeypatch.setattr(paths, "DOCS", tmp_path / "docs")
    for lesson in LESSONS[2:]:
        notebook_pages.store_run(lesson, read(lesson))
    begun = []

    def executed(lesson):
        begun.append(capsys.readouterr().out.splitlines()[-1])
        return read(lesson)

    monkeypatch.setattr(notebook_pages, "_executed", executed)
    notebook_pages.write(run=True)
    assert begun == [
        f"Notebook {number} of 5: running notebooks/{lesson.name}.ipynb …"
        for number, lesson in enumerate(LESSONS[:2], 1)
    ]
    assert re.search(r"^Notebook 2 of 5: done in \d+ s$", capsys.readouterr().out, re.M)


def test_a_run_counts_until_the_project_changes(tmp_path, monkeypatch):
    """Also in a clone below a folder called "data". Only the project's own data folder is ignored."""
    monkeypatch.setattr(paths, "STATE", tmp_path / "state")
    lesson = dataclasses.replace(LESSONS[0], solution=tmp_path / "data/solution")
    (lesson.solution / "data").mkdir(parents=True)
    (lesson.solution / "manage.py").write_text("1")
    notebook_pages.store_run(lesson, read(lesson))
    (lesson.solution / "data/db.sqlite3").write_text("2")
    assert notebook_pages.is_fresh(lesson)
    (lesson.solution / "manage.py").write_text("2")
    assert not notebook_pages.is_fresh(lesson)
