import pytest
import smallchain

from workshop.course import lessons
from workshop.errors import WorkshopError


@pytest.mark.parametrize("text", ["2", "02", "02-two", "two", "tw", "02-", "TWO", " 02/ "])
def test_a_lesson_is_found_by_every_form_of_its_name(root, text):
    assert lessons.find(text).name == "02-two"


@pytest.mark.parametrize("text", ["9", "three", "", "0x2", "-1"])
def test_an_unknown_lesson_is_answered_with_the_lessons_there_are(root, text):
    with pytest.raises(WorkshopError, match=r"(?s)01-one.*02-two"):
        lessons.find(text)


def test_a_beginning_that_fits_two_lessons_names_both(root):
    (root / "lessons/02-two").rename(root / "lessons/02-once")
    with pytest.raises(WorkshopError, match=r"(?s)more than one.*01-one.*02-once"):
        lessons.find("on")


def test_a_manifest_is_read_whole(root):
    lesson = lessons.find("2")
    assert (lesson.title, lesson.minutes, lesson.code) == ("The second", 13, "02")
    assert lesson.waits == {"worker": "2.1"}
    assert lesson.keeps == ["01-one/checks/test_1_1_one.py"]
    assert lesson.step("2.1").anchor == "step-2-1"
    assert lesson.next is None
    assert lessons.find("1").next.name == lesson.name
    assert lesson.solution == root / "solutions/02-two"


def test_an_unknown_step_is_answered_with_the_steps_there_are(root):
    with pytest.raises(WorkshopError, match=r"(?s)no step 1\.7.*1\.1  One.*1\.2  Two"):
        lessons.find_step("1.7")


def test_a_broken_manifest_is_named(root):
    manifest = root / "lessons/02-two/lesson.toml"
    manifest.write_text("title = ")
    with pytest.raises(WorkshopError, match=r"lessons/02-two/lesson.toml cannot be read"):
        lessons.all_lessons()
    manifest.write_text('title = "x"')
    with pytest.raises(WorkshopError, match="(?s)a missing or unknown entry.*'reading'"):
        lessons.all_lessons()
    manifest.write_text(smallchain.MANIFESTS["02-two"].replace("waits", "wait"))
    with pytest.raises(WorkshopError, match="unknown entry.*'wait'"):
        lessons.all_lessons()


def test_todos_are_found_in_every_kind_of_comment():
    text = "# TODO 3.1: a\n{# TODO 3.2 b #}\n// TODO 3.3\n/* TODO 3.4 */\n<!-- TODO 3.5 -->\nTODO 3.6\n"
    assert lessons.todo_steps(text) == ["3.1", "3.2", "3.3", "3.4", "3.5"]
