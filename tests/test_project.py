import json

import pytest
from files import write_text

from workshop.course import lessons, playground, progress, project
from workshop.errors import NotStarted, WorkshopError


def test_a_lesson_means_its_playground_copy(root):
    playground.start(lessons.find("1"))
    found = project.resolve("one")
    assert (found.folder, found.lesson.name) == (root / "playground/01-one", "01-one")
    assert found.is_learners
    assert found.data == root / "playground/01-one/data"


def test_a_lesson_that_is_not_started_says_how_to_start_it(root):
    with pytest.raises(NotStarted, match=r"\./workshop start 02"):
        project.resolve("2")


@pytest.mark.parametrize("target", ["solutions/02-two", "solutions/02-two/", "./solutions/02-two/images"])
def test_a_path_means_the_project_there(root, target):
    found = project.resolve(target)
    assert (found.folder, found.lesson.name) == (root / "solutions/02-two", "02-two")
    assert not found.is_learners


def test_a_starter_is_the_learners_only_without_a_copy(root):
    """Otherwise, a check of the starter would erase the progress of the copy."""
    lesson = lessons.find("1")
    assert project.at(lesson.folder).is_learners
    playground.start(lesson)
    assert not project.at(lesson.folder).is_learners
    assert project.at(lesson.learners_copy).is_learners


def test_a_copy_elsewhere_gets_its_lesson_from_a_folder_name(root, tmp_path):
    write_text(tmp_path / "elsewhere/02-two-mine/site/manage.py", "")
    assert project.resolve("elsewhere/02-two-mine/site").lesson.name == "02-two"


def test_without_a_target_the_folder_one_stands_in_wins(root, monkeypatch):
    playground.start(lessons.find("1"))
    assert project.resolve().folder == root / "playground/01-one"
    monkeypatch.chdir(root / "solutions/02-two/images")
    assert project.resolve().lesson.name == "02-two"


def test_nothing_started_at_all(root):
    with pytest.raises(NotStarted, match=r"\./workshop start 01"):
        project.resolve()


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("./nowhere", "There is no folder nowhere"),
        ("docs", "is not a Django project"),
        ("other", "Cannot tell which lesson other belongs to"),
        ("nonsense", 'There is no lesson "nonsense"'),
    ],
)
def test_what_is_no_project_is_said(root, target, words):
    (root / "docs").mkdir()
    write_text(root / "other/manage.py", "")
    with pytest.raises(WorkshopError, match=words):
        project.resolve(target)


def test_the_copy_is_found_even_when_manage_py_is_gone(root, monkeypatch):
    playground.start(lessons.find("1"))
    (root / "playground/01-one/manage.py").unlink()
    assert project.resolve("playground/01-one").lesson.name == "01-one"
    monkeypatch.chdir(root / "playground/01-one/images")
    assert project.resolve().lesson.name == "01-one"


def test_the_environment_of_a_project(root, monkeypatch):
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "other.settings")
    environment = project.resolve("solutions/01-one").environment("redis://localhost:1/0", port=8123)
    assert environment["REDIS_URL"] == "redis://localhost:1/0"
    assert environment["PORT"] == "8123"
    assert environment["DATA_DIR"] == str(root / "solutions/01-one/data")
    assert "DJANGO_SETTINGS_MODULE" not in environment


def test_progress_is_kept(root):
    progress.set_last_lesson("01-one")
    progress.set_passed_steps("01-one", ["1.1", "1.1"])
    progress.set_hints_seen("01-one", "1.2", 2)
    assert progress.last_lesson() == "01-one"
    assert progress.passed_steps("01-one") == ["1.1"]
    assert progress.hints_seen("01-one", "1.2") == 2
    progress.restart_lesson("01-one")
    assert (progress.passed_steps("01-one"), progress.hints_seen("01-one", "1.2")) == ([], 0)


@pytest.mark.parametrize("content", ['{"last": "01-', "[]", '{"passed": []}', '{"last": 3}', "\x00"])
def test_an_unreadable_progress_file_is_set_aside(root, content, capsys):
    write_text(progress.file(), content)
    progress.set_last_lesson("02-two")
    assert json.loads(progress.file().read_text())["last"] == "02-two"
    aside = list((root / ".workshop").glob("progress-*-unreadable.json"))
    assert [file.read_text() for file in aside] == [content]
    assert "The file was renamed to" in capsys.readouterr().err


def test_services_that_fail_on_purpose_are_known(root):
    playground.start(lessons.find("1"))
    copy = project.resolve("one")
    assert copy.failing_services == {}
    copy.data.mkdir(exist_ok=True)
    (copy.data / "storage-mode").write_text("slow 600")
    (copy.data / "mail-mode").write_text("ok")
    assert copy.failing_services == {"storage": "slow 600"}
