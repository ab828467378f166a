import ast
import difflib

import pytest
import smallchain
from files import program

from workshop import paths
from workshop.commands import diff as diff_command
from workshop.course import lessons, playground, project_files, solve, step_solution
from workshop.course.project import Project
from workshop.errors import WorkshopError

REAL = lessons.all_lessons()


@pytest.fixture
def copy(root):
    return playground.start(lessons.find("1"))


def views(copy):
    return (copy.folder / "images/views.py").read_text()


def test_one_step_is_solved_and_the_other_is_left(copy):
    done = solve.solve_step(copy, copy.lesson.step("1.1"))
    assert done.changed == ["images/views.py"]
    assert "return 1" in views(copy)
    assert "# TODO 1.2" in views(copy)
    assert "TODO 1.1" not in views(copy)
    assert (done.backup / "images/views.py").read_text() == smallchain.VIEWS_START
    assert not (copy.folder / "images/numbers.py").exists()


def test_a_file_that_only_the_solution_has_is_created(copy):
    done = solve.solve_step(copy, copy.lesson.step("1.2"))
    assert done.created == ["images/numbers.py"]
    assert "return two()" in views(copy)
    assert "# TODO 1.1" in views(copy)


def test_a_module_that_a_package_would_hide_is_not_written(copy):
    package = copy.folder / "images/views"
    package.mkdir()
    (copy.folder / "images/views.py").rename(package / "__init__.py")
    with pytest.raises(WorkshopError, match="views is a package"):
        solve.solve_step(copy, copy.lesson.step("1.1"))
    assert not (copy.folder / "images/views.py").exists()


def test_line_endings_of_an_editor_on_windows_are_no_conflict(copy):
    file = copy.folder / "images/views.py"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n") + b"MINE = 1\r\n")
    solve.solve_step(copy, copy.lesson.step("1.1"))
    assert file.read_bytes().endswith(b"MINE = 1\r\n")
    assert file.read_bytes().count(b"\r\n") == file.read_bytes().count(b"\n")
    assert "return 1" in views(copy)
    assert not solve.solve_step(copy, copy.lesson.step("1.1"))


@pytest.mark.parametrize("step", ["1.1", "1.2"])
def test_solving_twice_changes_nothing_more(copy, step):
    solve.solve_step(copy, copy.lesson.step(step))
    before = views(copy)
    again = solve.solve_step(copy, copy.lesson.step(step))
    assert not again
    assert again.backup is None
    assert views(copy) == before


@pytest.mark.parametrize("step", ["1.1", "1.2"])
def test_the_diff_of_a_step_is_what_solving_it_changes(copy, step):
    step, before = copy.lesson.step(step), views(copy).splitlines()
    shown = {diff.name: diff.lines[2:] for diff in diff_command.compare(copy, step)}
    done = solve.solve_step(copy, step)
    assert shown.keys() == {*done.changed, *done.created}
    assert (
        shown["images/views.py"] == [*difflib.unified_diff(before, views(copy).splitlines(), lineterm="")][2:]
    )
    assert diff_command.compare(copy, step) == []
    assert diff_command.compare(copy), "the other step is not solved"


def test_the_learners_other_work_stays(copy):
    mine = smallchain.VIEWS_START.replace("# TODO 1.1: answer one\n    pass", "return 4 - 3")
    mine = mine.replace("return 0", "return 0  # mine")
    (copy.folder / "images/views.py").write_text(mine)
    solve.solve_step(copy, copy.lesson.step("1.2"))
    assert "return 4 - 3" in views(copy)
    assert "return 0  # mine" in views(copy)
    assert "return two()" in views(copy)


def test_a_wrong_try_gives_way_to_the_solution(copy):
    mine = smallchain.VIEWS_START.replace("# TODO 1.1: answer one\n    pass", "return (")
    (copy.folder / "images/views.py").write_text(mine)
    solve.solve_step(copy, copy.lesson.step("1.1"))
    assert "return 1" in views(copy)
    ast.parse(views(copy))


def test_a_deleted_file_comes_back_with_the_steps_so_far(copy):
    (copy.folder / "images/views.py").unlink()
    done = solve.solve_step(copy, copy.lesson.step("1.2"))
    assert "images/views.py" in done.created
    assert views(copy) == smallchain.VIEWS_DONE


def test_a_file_that_is_no_text_becomes_the_solutions_and_is_kept(copy):
    (copy.folder / "images/views.py").write_bytes(b"\xff\xfe\x00")
    done = solve.solve_step(copy, copy.lesson.step("1.1"))
    assert views(copy) == smallchain.VIEWS_DONE
    assert (done.backup / "images/views.py").read_bytes() == b"\xff\xfe\x00"


@pytest.mark.parametrize("git", ["echo 'xcrun: error: invalid developer path' >&2; exit 1", None])
def test_without_a_git_that_works_the_file_stays_and_the_way_out_is_said(copy, git, tmp_path, monkeypatch):
    """macOS has a git in /usr/bin that fails with 1 until its command line tools are installed."""
    mine = smallchain.VIEWS_START.replace("return 0", "return 0  # mine")
    (copy.folder / "images/views.py").write_text(mine)
    if git:
        program(tmp_path / "bin/git", f"#!/bin/sh\n{git}\n")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    step = copy.lesson.step("1.1")
    for command in (solve.solve_step, diff_command.compare):
        with pytest.raises(WorkshopError, match="xcrun: error" if git else "git is not installed") as error:
            command(copy, step)
        assert "name the whole lesson instead of the step" in str(error.value)
    assert views(copy) == mine


def test_ctrl_c_while_git_merges_is_a_ctrl_c(copy, tmp_path, monkeypatch):
    """A terminal sends it to git, too, which ends by it."""
    mine = smallchain.VIEWS_START.replace("return 0", "return 0  # mine")
    (copy.folder / "images/views.py").write_text(mine)
    program(tmp_path / "bin/git", "#!/bin/sh\nkill -INT $$\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    with pytest.raises(KeyboardInterrupt):
        solve.solve_step(copy, copy.lesson.step("1.1"))
    assert views(copy) == mine


def test_the_whole_lesson(copy):
    done = solve.solve_lesson(copy)
    assert views(copy) == smallchain.VIEWS_DONE
    assert (done.backup / "images/views.py").is_file()
    assert diff_command.compare(copy) == []
    assert not solve.solve_lesson(copy)


def test_a_solution_is_not_solved(root):
    with pytest.raises(WorkshopError, match="is the solution itself"):
        solve.solve_lesson(Project(paths.SOLUTIONS / "01-one", lessons.find("1")))


def test_a_starter_edited_in_place_can_be_solved_step_by_step(root):
    lesson = lessons.find("1")
    for step in lesson.steps:
        solve.solve_step(Project(lesson.folder, lesson), step)
    assert (lesson.folder / "images/views.py").read_text() == smallchain.VIEWS_DONE


@pytest.mark.parametrize("lesson", REAL, ids=lambda lesson: lesson.name)
def test_solving_every_step_in_order_ends_at_the_solution(lesson, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "PLAYGROUND", tmp_path)
    monkeypatch.setattr(paths, "BACKUPS", tmp_path / ".backup")
    monkeypatch.setattr(paths, "STATE", tmp_path / ".workshop")
    copy = playground.start(lesson)
    for step in lesson.steps:
        assert solve.solve_step(copy, step), f"the solution of step {step.id} changes nothing"
        for name, file in project_files.list_files(copy.folder).items():
            if name.endswith(".py"):
                ast.parse(file.read_text(), f"{name} after step {step.id}")
            assert step.id not in lessons.todo_steps(file.read_text(errors="ignore")), (
                f"{name} after {step.id}"
            )
        assert not solve.solve_step(copy, step), f"solving step {step.id} twice changes something"
    assert [diff.name for diff in diff_command.compare(copy)] == []


@pytest.mark.parametrize("lesson", REAL, ids=lambda lesson: lesson.name)
def test_no_change_belongs_to_two_steps(lesson):
    """Else `solve` and `diff` of the one would bring the other's solution along."""
    solved = project_files.list_files(lesson.solution)
    for name, file in project_files.list_files(lesson.folder).items():
        if name in solved:
            for hunk in step_solution.hunks(file.read_text(), solved[name].read_text()):
                assert len(hunk.steps) < 2, f"{name}, line {hunk.start + 1}"
