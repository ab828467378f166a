"""`./workshop bench field`: real workers of other libraries, in a separate environment.

The first run installs the libraries from the package index. Later runs use .workshop/bench-venv.
"""

import contextlib
import dataclasses
import re
import subprocess
import tempfile

import psutil
import pytest

from benchmarks import overview
from benchmarks.task_queues import environment, loss, measurement, report, speed, trial
from benchmarks.task_queues.libraries import APPS, LIBRARIES
from workshop import paths
from workshop.errors import WorkshopError
from workshop.photos import samples
from workshop.system.waiting import until

BY_NAME = {library.name: library for library in LIBRARIES}
CELERY, HUEY = BY_NAME["Celery (prefork)"], BY_NAME["Huey"]
DEAF = dataclasses.replace(CELERY, name="Deaf", commands=(f"{CELERY.commands[0]} --queues another",))


@pytest.fixture
def left_over(tmp_path, monkeypatch):
    """left_over(): the processes whose data is in a folder of this test, whatever their parent is now."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def processes():
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("DATA_DIR", "").startswith(str(tmp_path)):
                    found.append(process)
        return found

    return processes


def test_two_libraries_from_end_to_end(left_over):
    section = measurement.measure(quick=True, libraries=(CELERY, HUEY))
    assert section.name == "field"
    for table in section.tables:
        assert all(len(row) == len(table.headings) for row in table.rows), table.title
    for table in section.tables[:3]:
        assert [row[0] for row in table.rows] == [CELERY.name, HUEY.name]
    assert len(section.tables[-1].rows) == 3, "Celery in two modes, Huey in one"
    assert [each.plot.name for each in overview.pictures({"field": section})] == [
        "overview-killed",
        "overview-celery",
    ]
    assert re.search(r"Versions: celery 5\.\d+\.\d+, huey \d", section.remarks[-1])
    assert not left_over()


def test_acknowledged_late_nothing_is_lost():
    found = loss.measure_loss(CELERY, reliable=True, count=8, seconds=120)
    assert (found.unfinished, found.left) == (0, {})
    assert found.started_twice > 0, "killed in the middle of a task, it is started again"
    assert 0 < found.started_again < found.last_finished


def test_taken_from_a_list_it_is_lost():
    found = loss.measure_loss(HUEY, reliable=False, count=8, seconds=10)
    assert 1 <= found.unfinished <= 2, "one for each process"
    assert (found.started_twice, found.left) == (0, {})


def test_worker_that_does_nothing_is_loud(left_over):
    with trial.prepared(DEAF) as here:
        here.send("empty", 3)
        here.worker.start()
        assert until(left_over, 60)
        with pytest.raises(
            WorkshopError, match="Deaf: 3 of 3 tasks were not finished, because the worker did nothing"
        ):
            here.all_finished(3, patience=3)
    assert not left_over()


def test_worker_that_ends_is_loud():
    broken = dataclasses.replace(CELERY, commands=("celery -A no_such_app worker",))
    with trial.prepared(broken) as here:
        here.worker.start()
        with pytest.raises(WorkshopError, match=r"(?s)1 of 1 .* the worker exited.*no_such_app"):
            here.all_finished(1)


def test_done_twice_is_loud():
    with trial.prepared(HUEY) as here:
        here.worker.start()
        here.send("empty", 2)
        here.all_finished(2)
        here._traces.rpush("finished", "1 99.5")
        with pytest.raises(WorkshopError, match="1 of 2 tasks were finished twice"):
            here.all_finished(2)


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
def test_app_imports_in_the_environment(library):
    names = "send", "result"
    setup = "import django; django.setup(); " if library.uses_database else ""
    with trial.prepared(library) as here:
        here.run("-c", f"{setup}from {library.module} import {', '.join(names)}")
        assert here.left() == {}


def test_apps_say_where_they_are_documented():
    apps = [*APPS.glob("*_app.py"), APPS / "django_tasks_app/settings.py"]
    assert len(apps) == 5
    assert all("https://" in app.read_text(encoding="utf-8") for app in apps)


def test_the_photo_is_resized():
    with trial.prepared(HUEY, samples.photo(4032, 3024)) as here:
        here.worker.start()
        here.send("photo", 1)
        here.all_finished(1)
        assert (here.folder / "0.jpg").stat().st_size > 10_000


def test_tasks_with_several_traces_are_counted():
    assert loss.repeated({0: [1.0], 1: [1.0, 7.0], 2: [2.0], 4: [3.0, 8.0]}) == 2
    assert loss.repeated({}) == 0


def test_seconds_until_interrupted_tasks_are_started_again():
    assert loss.started_again_after({0: [1.0], 1: [1.0, 9.5], 2: [1.2, 12.0]}, 3.0) == 9.0
    assert loss.started_again_after({0: [1.0], 1: [4.0]}, 3.0) is None


def test_killed_in_the_middle_of_both_that_are_at_work():
    started, finished = {0: [1.0], 1: [1.1], 2: [1.5]}, {0: [1.5]}
    assert not loss.in_the_middle({0: [1.0], 1: [1.1]}, {}, 1.15), "1 has only started"
    assert loss.in_the_middle({0: [1.0], 1: [1.1]}, {}, 1.3)
    assert not loss.in_the_middle({0: [1.0], 1: [1.1]}, {}, 1.45), "0 is about to end"
    assert not loss.in_the_middle({0: [1.0], 1: [1.1]}, finished, 1.3), "one process takes a message"
    assert not loss.in_the_middle(started, finished, 1.55), "2 has only started, and 1 is about to end"
    assert not loss.in_the_middle({}, {}, 2.0), "nothing is at work"


def test_rate_leaves_the_warm_up_out():
    assert speed.rate([0, 10, 11, 12]) == pytest.approx(3 / 12)
    moments = [5.0, *(20 + number / 2 for number in range(19))]
    assert speed.rate(moments) == pytest.approx(2.0), "the first two of twenty are warm-up"
    with pytest.raises(ValueError, match="two tasks"):
        speed.rate([1.0])


def test_remarks_are_about_the_measured_libraries():
    versions = dict.fromkeys(("celery", "huey", "kombu", "django", "redis", "pillow"), "1.0")
    said = report.remarks([CELERY, HUEY], versions)
    assert said[0].startswith(f"With the settings called “reliable”, {CELERY.name} uses acks_late and a visi")
    assert "Huey" not in said[0], "Huey has no such settings"
    assert not any(name in "\n".join(said) for name in ("RQ", "Dramatiq", "django-tasks"))
    assert said[-1] == "Versions: celery 1.0, huey 1.0, kombu 1.0, django 1.0, redis 1.0, pillow 1.0."


def test_without_a_network_it_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "STATE", tmp_path)
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(
        WorkshopError, match=r"(?s)RQ, Dramatiq, Huey, django-tasks\) could not.*network access"
    ):
        environment.python()
    assert not (environment.folder() / "bench-stamp").exists()


def test_environment_is_made_once(monkeypatch):
    executable = environment.python()
    monkeypatch.setattr(environment, "_make", lambda executable: pytest.fail("made again"))
    assert environment.python() == executable
    run = subprocess.run(
        [executable, "-I", "-c", "import workshop"], capture_output=True, text=True, check=False
    )
    assert "No module named 'workshop'" in run.stderr
