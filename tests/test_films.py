"""The films of the README and the home page: what they show is true, and nobody has to watch them move."""

import re
from types import SimpleNamespace

import pytest
from PIL import Image, ImageChops, ImageStat
from printed_text import in_one_line

from workshop import paths
from workshop.course import lessons
from workshop.dev import check_film, film, pictures
from workshop.dev.film import Moment
from workshop.dev.terminal_picture import COLUMNS
from workshop.errors import WorkshopError

FILMS = ("killed", "check")
ASSETS = paths.DOCS / "assets"
PAGES = {"README.md": "docs/assets", "docs/index.md": "assets"}


def text(name):
    return (pictures.TEXTS / f"{name}.txt").read_text(encoding="utf-8")


@pytest.fixture(params=[(name, scheme) for name in FILMS for scheme in film.SCHEMES], ids="-".join)
def files(request):
    """A film and its still."""
    name = "-".join(request.param)
    return ASSETS / f"{name}.webp", ASSETS / f"{name}-still.webp"


def test_a_film_plays_once_and_stops_within_five_seconds(files):
    with Image.open(files[0]) as found:
        lengths = []
        for number in range(found.n_frames):
            found.seek(number)
            found.load()
            lengths.append(found.info["duration"])
        assert found.info["loop"] == 1
    assert len(lengths) > 1
    assert sum(lengths) <= 5000
    assert min(lengths) >= 334, "three flashes in a second are too many (WCAG 2.3.1)"
    assert files[0].stat().st_size <= film.LARGEST


def test_the_still_is_the_last_frame(files):
    with Image.open(files[0]) as moving, Image.open(files[1]) as still:
        moving.seek(moving.n_frames - 1)
        assert getattr(still, "n_frames", 1) == 1
        difference = ImageChops.difference(moving.convert("RGB"), still.convert("RGB"))
        assert max(ImageStat.Stat(difference).mean) < 3


@pytest.mark.parametrize("name", FILMS)
def test_no_line_is_cut_off(name):
    assert max(map(len, text(name).splitlines())) <= COLUMNS


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", FILMS)
def test_who_wants_no_motion_gets_the_still(page, name):
    content = (paths.ROOT / page).read_text(encoding="utf-8")
    shown = [each for each in re.findall(r"<picture>.*?</picture>", content, re.S) if f"/{name}-" in each]
    sources = [source for each in shown for source in re.findall(r"<source [^>]*>", each)]
    for scheme in film.SCHEMES:
        still = f'srcset="{PAGES[page]}/{name}-{scheme}-still.webp"'
        assert any("prefers-reduced-motion: reduce" in each and still in each for each in sources), scheme
        assert any(f"{PAGES[page]}/{name}-{scheme}.webp" in each for each in shown), scheme
    for picture in shown:
        first = re.search(r"<source [^>]*>", picture)[0]
        assert "prefers-reduced-motion" in first, "the browser takes the first source that fits"


def test_the_home_page_keeps_the_room_of_its_films():
    content = (paths.DOCS / "index.md").read_text(encoding="utf-8")
    found = re.findall(r'src="(assets/[\w-]+\.webp)#[^"]*"[^>]* width="(\d+)" height="(\d+)"', content)
    assert len(found) == len(FILMS) * len(film.SCHEMES)
    for name, width, height in found:
        with Image.open(paths.DOCS / name) as picture:
            assert picture.size == (int(width) * film.SCALE, int(height) * film.SCALE), name


def test_the_check_says_what_the_film_shows():
    lesson = lessons.find("03")
    step = lesson.step(check_film.STEP)
    red, green = re.split(r"(?m)^# ", text("check"))
    assert f"✗ {step.id}   {step.title}" in red
    assert f"✓ {step.id}   {step.title}" in green
    check = "".join((lesson.folder / "checks/test_3_7_killed.py").read_text(encoding="utf-8"))
    said = in_one_line(re.sub(r'"\s+"', "", check))
    complaint, why = re.search(r"Step 3\.7: (.+?)\n\n.*?…\n\n(.+?)\n\n", red, re.S).groups()
    assert in_one_line(complaint) in said
    assert in_one_line(why) in said
    solution = (lesson.solution / check_film.FILE).read_text(encoding="utf-8")
    following = lesson.core[lesson.core.index(step) + 1]
    assert f"Next: step {following.id} · {following.title}" in in_one_line(green)
    added = re.findall(r"(?m)^\+(.+)", green)
    assert added
    assert all(f"{line}\n" in solution for line in added)


def test_the_killed_task_is_received_twice_and_succeeds():
    shown = in_one_line(text("killed"))
    story = (
        r"\$ celery -A myproject worker … \S+ Task (resize_image_task\[\w+…\]) received \$ kill -9 (\d+) "
        r"\S+ Process 'ForkPoolWorker-\d' pid:\2 exited with 'signal 9 \(SIGKILL\)' "
        r"\S+ Task \1 received \S+ Task \1 succeeded"
    )
    assert re.fullmatch(story, shown), shown


def test_a_film_that_is_too_long_is_refused():
    with pytest.raises(WorkshopError, match="5001 ms long"):
        film.take(None, "long", [Moment(5000, "a"), Moment(1, "b")])


def test_a_learner_who_has_not_passed_the_earlier_steps_is_not_filmed():
    printed = "".join(f"  ✓ 3.{number}   \n" for number in (1, 2, 3, 5)) + "  \x1b[31m✗\x1b[0m 3.4   Store"
    stage = SimpleNamespace(lesson="03", run=lambda command, cwd: printed)
    with pytest.raises(WorkshopError, match=r"Step 3\.4 does not pass"):
        check_film._pass_earlier_steps(stage)


@pytest.mark.parametrize("printed", ["  ✗ 3.7   Late", "  \x1b[31m✗\x1b[0m 3.7   Late", "no sign at all"])
def test_a_check_with_another_outcome_is_refused(printed):
    stage = SimpleNamespace(run=lambda command, cwd: printed)
    with pytest.raises(WorkshopError, match="does not show ✓"):
        check_film._checked(stage, "✓")
