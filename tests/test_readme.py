"""README and CONTRIBUTING: they name what there is."""

import re

import pytest
from typer.main import get_command

from workshop import cli, paths
from workshop.course import lessons
from workshop.dev import lesson_minutes

PAGES = ["README.md", "CONTRIBUTING.md"]


@pytest.fixture(params=PAGES)
def page(request):
    return (paths.ROOT / request.param).read_text(encoding="utf-8")


def test_every_link_leads_to_a_file(page):
    found = re.findall(r'\]\(([^)#:]+)\)|(?:src|srcset)="([^"]+)"', page)
    missing = [name for pair in found for name in pair if name and not (paths.ROOT / name).exists()]
    assert missing == []


def test_every_command_is_one(page):
    known = get_command(cli.app).commands
    for line in re.findall(r"\./workshop ([a-z]\w*(?: [a-z]\w*)?)", page):
        name, *rest = line.split()
        assert name in known, line
        if name == "dev":
            assert rest[0] in known["dev"].commands, line


def test_the_lesson_table_agrees_with_the_lessons():
    rows = dict(
        re.findall(r"^\| (\d\d) \| (.+) \|$", (paths.ROOT / "README.md").read_text(encoding="utf-8"), re.M)
    )
    for lesson in lessons.all_lessons():
        text = paths.shown(lesson.text)
        row = rows[lesson.code]
        assert f"[{lesson.title}]({text})" in row
        assert f"{row} |".endswith(f"| {lesson_minutes.columns(lesson)}")


def test_every_picture_has_words(page):
    for picture in re.findall(r"<img [^>]*>", page):
        assert re.search(r'alt="[^"]{20,}"', picture), picture
