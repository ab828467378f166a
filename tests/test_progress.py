"""The next step of a lesson, as every command names it."""

import pytest
import smallchain

from workshop import cli, hints, lessons, playground, progress, status, up
from workshop.errors import WorkshopError
from workshop.report import Report

STEPS = ("1.8", "1.9", "1.10", "1.11")
ENTRY = '[[steps]]\nid = "{0}"\ntitle = "Title {0}"\nfiles = ["images/views.py"]\nhints = ["Why?", "So."]\n'


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A lesson with the steps 1.8 to 1.11: as text, 1.10 sorts before 1.8."""
    root = smallchain.build(tmp_path.resolve())
    smallchain.use(root, monkeypatch)
    head = 'title = "Long"\nminutes = 5\ngoals = ["go"]\nchanged = []\n'
    manifest = "\n".join([head, *map(ENTRY.format, STEPS)])
    smallchain.write(root / "lessons/01-one/lesson.toml", manifest)
    return playground.start(lessons.find("1"))


@pytest.mark.parametrize(
    ("passed", "following"),
    [
        ((), "1.8"),
        (("1.8",), "1.9"),
        (("1.8", "1.9"), "1.10"),
        (("1.10", "1.9", "1.8"), "1.11"),
        (("1.8", "1.10", "1.11"), "1.9"),
        (STEPS, None),
    ],
)
def test_every_command_names_the_same_next_step(copy, passed, following, capsys):
    progress.set_passed("01-one", passed)
    found = progress.next_step(copy.lesson)
    assert (found and found.id) == following
    status.show()
    said = capsys.readouterr().out
    if following:
        assert hints.open_step(copy.lesson, "").id == following
        assert up._next(copy) == f"next: step {following} · Title {following} · ./workshop check"
        assert f"Next: step {following} Title {following}" in said
    else:
        with pytest.raises(WorkshopError, match="Every step of 01-one is passed"):
            hints.open_step(copy.lesson, "")
        assert up._next(copy) == "next: ./workshop start 02"
        assert "Next: ./workshop start 02" in said


@pytest.mark.parametrize(
    ("passed", "checked", "words"),
    [
        (("1.8",), "1.9", "Next: step 1.10 · Title 1.10"),
        (("1.8", "1.9"), "1.10", "Next: step 1.11 · Title 1.11"),
        (
            ("1.8", "1.9", "1.10"),
            "1.11",
            "Every step has passed. Next, all of them together: ./workshop check 01",
        ),
        ((), "1.10", "Next: step 1.8 · Title 1.8"),
    ],
)
def test_the_report_of_one_step_names_the_next(copy, passed, checked, words, capsys):
    """Before the step is recorded as passed."""
    progress.set_passed("01-one", passed)
    report = Report(copy, checked)
    report.take({"event": "collected", "steps": [checked]})
    report.take({"event": "check", "step": checked, "passed": True, "about": ""})
    report.take({"event": "finished"})
    report.close()
    assert f"  {words}\n" in capsys.readouterr().out


def test_steps_are_remembered_and_solved_in_the_order_of_the_lesson(copy):
    from workshop import check, solve

    check._remember(copy, None, ["1.10", "1.9", "1.8"])
    assert progress.passed("01-one") == ["1.8", "1.9", "1.10"]
    check._remember(copy, "1.11", ["1.11"])
    assert progress.passed("01-one") == list(STEPS)
    assert solve._ids_up_to(copy.lesson, copy.lesson.step("1.10")) == ["1.8", "1.9", "1.10"]
    assert cli._aim("1.10", None)[1].id == "1.10"
