import subprocess

import pytest
from files import program, write_text

from workshop.commands import diff as diff_command
from workshop.course import lessons, playground, progress, project, project_files
from workshop.errors import NotStarted, WorkshopError


def restarted(lesson):
    copy = project.learners_copy(lesson)
    playground.reset(copy)
    return copy


def names(folder):
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def test_start_copies_the_project_and_adds_the_command(root):
    copy = playground.start(lessons.find("1"))
    assert names(copy.folder) == [
        "Procfile",
        "README.md",
        "images/__init__.py",
        "images/views.py",
        "manage.py",
        "workshop",
    ]
    assert progress.last_lesson() == "01-one"
    assert playground.changed_files(copy.lesson) == []


@pytest.mark.parametrize("begin", [playground.start, restarted])
def test_one_name_of_the_command_works_in_the_clone_and_in_a_copy(root, begin):
    """Lessons say ./workshop everywhere. The script belongs neither to the project nor to its changes."""
    program(root / "workshop", '#!/bin/sh\necho "$PWD: $*"\n')
    lesson = lessons.find("1")
    playground.start(lesson)
    copy = begin(lesson)
    run = subprocess.run(
        ["./workshop", "check", "a b"], cwd=copy.folder, capture_output=True, text=True, check=True
    )
    assert run.stdout == f"{copy.folder}: check a b\n"
    assert playground.changed_files(lesson) == []
    assert project_files.SCRIPT_NAME not in project_files.list_files(copy.folder)
    assert not any(project_files.SCRIPT_NAME in each.name for each in diff_command.compare(copy))


def test_start_of_a_changed_copy_is_refused_and_changes_nothing(root):
    copy = playground.start(lessons.find("1"))
    (copy.folder / "images/views.py").write_text("mine")
    (copy.folder / "images/extra.py").write_text("mine too")
    (copy.folder / "Procfile").unlink()
    with pytest.raises(WorkshopError) as error:
        playground.start(copy.lesson)
    words = str(error.value)
    assert "(Procfile, images/extra.py, images/views.py)" in words
    assert "./workshop up 01" in words
    assert "./workshop reset 01" in words
    assert "playground/.backup/01-one-" in words
    assert (copy.folder / "images/views.py").read_text() == "mine"


def test_start_again_brings_an_unchanged_copy_up_to_date_and_keeps_its_data(root):
    copy = playground.start(lessons.find("1"))
    write_text(copy.data / "db.sqlite3", "my photos")
    (root / "lessons/01-one/Procfile").write_text("new")
    (root / "lessons/01-one/README.md").unlink()
    playground.start(copy.lesson)
    assert (copy.folder / "Procfile").read_text() == "new"
    assert not (copy.folder / "README.md").exists()
    assert (copy.data / "db.sqlite3").read_text() == "my photos"


def test_a_later_lesson_can_be_started_first(root):
    assert playground.start(lessons.find("2")).lesson.name == "02-two"


def test_reset_keeps_everything_in_a_backup_of_its_own_each_time(root):
    copy = playground.start(lessons.find("1"))
    progress.set_passed_steps("01-one", ["1.1"])
    backups = []
    for text in ("first", "second"):
        (copy.folder / "images/views.py").write_text(text)
        write_text(copy.data / "db.sqlite3", text)
        backups.append(playground.reset(copy))
        assert playground.changed_files(copy.lesson) == []
        assert not copy.data.exists()
    assert [(backup / "images/views.py").read_text() for backup in backups] == ["first", "second"]
    assert [(backup / "data/db.sqlite3").read_text() for backup in backups] == ["first", "second"]
    assert progress.passed_steps("01-one") == []


def test_reset_of_a_lesson_that_is_not_started(root):
    with pytest.raises(NotStarted, match="has not been started"):
        playground.reset(project.learners_copy(lessons.find("1")))


def test_an_interrupted_start_is_made_good(root):
    write_text(root / "playground/.new-01-one/half.py", "")
    assert "half.py" not in names(playground.start(lessons.find("1")).folder)


def test_without_its_record_a_copy_is_compared_with_the_starter(root):
    copy = playground.start(lessons.find("1"))
    (root / ".workshop/started/01.json").write_text("{")
    assert playground.changed_files(copy.lesson) == []
    (copy.folder / "Procfile").write_text("mine")
    assert playground.changed_files(copy.lesson) == ["Procfile"]
