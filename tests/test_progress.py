"""The next step of a lesson, as every command names it."""

import pytest
import smallchain
from files import write_text

from workshop import cli
from workshop.checks.events import Checked, Collected, Failure, Finished
from workshop.checks.report import Report
from workshop.commands import hints, status
from workshop.course import lessons, playground, progress
from workshop.errors import WorkshopError

STEPS = ("1.8", "1.9", "1.10", "1.11")
ENTRY = (
    '[[steps]]\nid = "{0}"\ntitle = "Title {0}"\nminutes = 3\nfiles = ["images/views.py"]\n'
    'hints = ["Why?", "So."]\n'
)


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A lesson with the steps 1.8 to 1.11: as text, 1.10 sorts before 1.8."""
    root = smallchain.build(tmp_path.resolve())
    smallchain.use(root, monkeypatch)
    head = 'title = "Long"\nreading = 5\ngoals = ["go"]\nchanged = []\n'
    manifest = "\n".join([head, *map(ENTRY.format, STEPS)])
    write_text(root / "lessons/01-one/lesson.toml", manifest)
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
    progress.set_passed_steps("01-one", passed)
    found = progress.next_step(copy.lesson)
    assert (found and found.id) == following
    status.show()
    said = capsys.readouterr().out
    if following:
        assert hints.open_step(copy.lesson, "").id == following
        assert f"Next: step {following} · Title {following} · ./workshop check\n" in said
    else:
        with pytest.raises(WorkshopError, match="You have passed every step of 01-one"):
            hints.open_step(copy.lesson, "")
        assert "Next: ./workshop start 02" in said


@pytest.mark.parametrize(
    ("passed", "checked", "words"),
    [
        (("1.8",), "1.9", "Next: step 1.10 · Title 1.10"),
        (("1.8", "1.9"), "1.10", "Next: step 1.11 · Title 1.11"),
        (
            ("1.8", "1.9", "1.10"),
            "1.11",
            "All core steps have passed. Check the whole lesson: ./workshop check 01",
        ),
        ((), "1.10", "Next: step 1.8 · Title 1.8"),
    ],
)
def test_the_report_of_one_step_names_the_next(copy, passed, checked, words, capsys):
    """Before the step is recorded as passed."""
    progress.set_passed_steps("01-one", passed)
    report = Report(copy, checked)
    report.add(Collected(steps=[checked]))
    report.add(Checked(step=checked, about=""))
    report.add(Finished())
    report.print_summary()
    assert f"  {words}\n" in capsys.readouterr().out


def test_steps_are_remembered_in_the_order_of_the_lesson(copy):
    from workshop.commands import check

    check._record(copy, None, ["1.10", "1.9", "1.8"])
    assert progress.passed_steps("01-one") == ["1.8", "1.9", "1.10"]
    check._record(copy, "1.11", ["1.11"])
    assert progress.passed_steps("01-one") == list(STEPS)
    assert cli._resolve("1.10", None)[1].id == "1.10"


@pytest.fixture
def optional(copy):
    """The same lesson, with 1.9 optional."""
    manifest = copy.lesson.folder / "lesson.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(
        text.replace('title = "Title 1.9"', 'title = "Title 1.9"\noptional = true'), encoding="utf-8"
    )
    return playground.start(lessons.find("1"))


def test_the_next_step_is_a_core_step(optional, capsys):
    progress.set_passed_steps("01-one", ["1.8"])
    assert progress.next_step(optional.lesson).id == "1.10"
    assert status.next_action(optional.lesson) == "step 1.10 · Title 1.10 · ./workshop check"
    status.show()
    said = capsys.readouterr().out
    assert "1 of 3 core steps, 0 of 1 optional" in said
    assert "14 min" in said, "5 minutes of reading and 3 core steps"


def test_a_lesson_is_done_when_its_core_steps_are(optional, capsys):
    progress.set_passed_steps("01-one", ["1.8", "1.10", "1.11"])
    assert progress.next_step(optional.lesson) is None
    assert hints.open_step(optional.lesson, "").id == "1.9", "what is left has hints, too"
    status.show()
    said = capsys.readouterr().out
    assert "✓" in said
    assert "3 of 3 core steps, 0 of 1 optional" in said
    assert "Next: ./workshop start 02 · optional: step 1.9" in said


def finished(report, failed):
    """Let `report` take the events of a run in which the step `failed` does not pass."""
    report.add(Collected(steps=list(STEPS)))
    for step in STEPS:
        failure = Failure(what="it is wrong.") if step == failed else None
        report.add(Checked(step=step, about="", failure=failure))
    report.add(Finished())
    report.print_summary()


def test_an_optional_step_that_fails_is_listed_and_not_explained(optional, capsys):
    report = Report(optional, None)
    finished(report, "1.9")
    said = capsys.readouterr().out
    assert report.verdicts.ok
    assert report.verdicts.failed_step is None
    assert "○ 1.9   Title 1.9   (optional, not passed)" in said
    assert "Optional steps left: 1.9. Check one: ./workshop check 1.9" in said
    assert "Lesson 01 is done. Next: ./workshop start 02" in said
    assert "it is wrong" not in said
    assert "3 of 3 core steps" in said


def test_a_core_step_that_fails_is_explained(optional, capsys):
    report = Report(optional, None)
    finished(report, "1.10")
    assert not report.verdicts.ok
    assert "Step 1.10: it is wrong." in capsys.readouterr().out


def test_an_optional_step_that_is_asked_for_is_explained(optional, capsys):
    report = Report(optional, "1.9")
    report.add(Collected(steps=["1.9"]))
    report.add(Checked(step="1.9", about="", failure=Failure(what="it is wrong.")))
    report.print_summary()
    assert not report.verdicts.ok
    assert "Step 1.9: it is wrong." in capsys.readouterr().out


def test_an_exception_in_the_starter_code_names_no_step(optional, capsys):
    report = Report(optional, None)
    failure = Failure(what="NameError: x", unexpected=True)
    report.add(Collected(steps=["given"]))
    report.add(Checked(step="given", about="The site starts.", failure=failure))
    report.print_summary()
    printed = capsys.readouterr().out
    assert "The starter code: your code raised an exception." in printed
    assert "Step given" not in printed


def test_after_the_last_lesson_comes_the_demo(copy):
    last = playground.start(lessons.find("2")).lesson
    progress.set_passed_steps("02-two", ["2.1"])
    assert status.next_action(last) == "./workshop demo (you have finished the last lesson)"
