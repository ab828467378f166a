import pytest

from workshop.course import chain
from workshop.errors import WorkshopError


def test_lessons_and_solutions_differ_only_where_a_manifest_says_so():
    assert chain.file_errors() == []


def test_every_todo_has_a_step_and_every_step_a_todo():
    assert chain.todo_errors() == []


def test_a_whole_chain_has_no_findings(root):
    assert chain.file_errors() == []
    assert chain.todo_errors() == []
    assert len(chain.links()) == 3


def test_a_difference_that_nothing_lists_is_found(root):
    (root / "solutions/01-one/Procfile").write_text("web: other\n")
    (root / "solutions/02-two/images/stray.py").write_text("")
    assert chain.file_errors() == [
        "Procfile differs between lessons/01-one and solutions/01-one, but is not listed in the steps in "
        "lessons/01-one/lesson.toml.",
        "images/stray.py is in solutions/02-two, but not in lessons/02-two, and it is not listed in the "
        "steps in lessons/02-two/lesson.toml.",
    ]


def test_an_entry_that_no_longer_differs_is_found(root):
    (root / "lessons/02-two/Procfile").write_text("web: python manage.py\n")
    (root / "solutions/02-two/Procfile").write_text("web: python manage.py\n")
    (finding,) = chain.file_errors()
    assert "Procfile is listed in `changed` in lessons/02-two/lesson.toml, but is the same" in finding


def test_a_step_that_deletes_a_file_is_found(root):
    (root / "solutions/01-one/images/views.py").unlink()
    (finding,) = [sentence for sentence in chain.file_errors() if "the steps in lessons/01-one" in sentence]
    assert finding.startswith("images/views.py is listed")
    assert "solutions/01-one has no such file" in finding


def test_a_missing_solution_is_found(root):
    (root / "solutions/02-two").rename(root / "gone")
    assert chain.file_errors() == ["solutions/02-two is missing: every lesson needs a solution."]


def test_todos_and_steps_that_do_not_fit_are_found(root):
    views = root / "lessons/01-one/images/views.py"
    views.write_text(views.read_text().replace("TODO 1.2", "TODO 1.9"))
    (root / "lessons/01-one/Procfile").write_text("# TODO 1.1\n")
    (root / "solutions/01-one/Procfile").write_text("# TODO 1.1\n")
    assert chain.todo_errors() == [
        "lessons/01-one/Procfile has a TODO 1.1, but step 1.1 does not list the file.",
        "lessons/01-one/images/views.py has a TODO 1.9, but lesson.toml has no such step.",
        "Step 1.2 of 01-one has no TODO in the starter.",
        "solutions/01-one/Procfile belongs to a solution, but still contains TODO 1.1.",
    ]


def test_carry_takes_a_change_to_every_project_after_it(root):
    (root / "lessons/01-one/manage.py").write_text("# better\n")
    written = chain.carry("manage.py")
    assert [file.relative_to(root).as_posix() for file in written] == [
        "solutions/01-one/manage.py",
        "lessons/02-two/manage.py",
        "solutions/02-two/manage.py",
    ]
    assert chain.file_errors() == []


def test_carry_takes_the_version_that_is_named(root):
    (root / "solutions/02-two/manage.py").write_text("# better\n")
    chain.carry("solutions/02-two/manage.py")
    assert (root / "lessons/01-one/manage.py").read_text() == "# better\n"


def test_carry_stops_where_the_file_is_listed(root):
    (root / "lessons/01-one/Procfile").write_text("web: better\n")
    written = chain.carry("Procfile")
    assert [file.relative_to(root).as_posix() for file in written] == ["solutions/01-one/Procfile"]
    assert "worker" in (root / "lessons/02-two/Procfile").read_text()


def test_carry_refuses_to_guess(root):
    (root / "lessons/01-one/manage.py").write_text("# one\n")
    (root / "solutions/01-one/manage.py").write_text("# two\n")
    with pytest.raises(WorkshopError, match="has 3 versions"):
        chain.carry("manage.py")
    with pytest.raises(WorkshopError, match="No lesson or solution contains"):
        chain.carry("nothing.py")


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("lessons/01-one/checks/test_one.py", "Checks exist only in their lesson"),
        ("checks/test_one.py", "Checks exist only in their lesson"),
        ("lessons/01-one/lesson.toml", "a lesson either has its own version or"),
        ("lessons/02-two/README.md", "a lesson either has its own version or"),
        ("lessons/01-one/data/db.sqlite3", "a lesson either has its own version or"),
    ],
)
def test_carry_refuses_what_the_projects_do_not_share(root, file, words):
    before = sorted(root.rglob("*"))
    with pytest.raises(WorkshopError, match=words):
        chain.carry(file)
    assert sorted(root.rglob("*")) == before


def test_carry_refuses_a_check_in_the_current_folder(root, monkeypatch):
    monkeypatch.chdir(root / "lessons/01-one/checks")
    with pytest.raises(WorkshopError, match="Checks exist only in their lesson"):
        chain.carry("test_one.py")
