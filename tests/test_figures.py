import os
import re
import shutil
import sys
import tempfile
import time
from io import BytesIO

import pytest
from PIL import Image, ImageCms

from workshop import check_figure, figures, paths, resize_figure, samples, up_figure
from workshop.errors import WorkshopError
from workshop.figures import Goal

PHOTO = samples.photo


def small(orientation=1):
    return PHOTO(1600, 1200, orientation=orientation, gps=True, icc=True)


def test_unknown_name_says_which_there_are(capsys):
    with pytest.raises(WorkshopError, match="There is no figure speed. There are: .*resize"):
        figures.main(["resize", "speed"])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("taken", "code"), [(1.4, 0), (1.39, 1)])
def test_missed_goal_is_said_and_is_exit_code_1(monkeypatch, capsys, taken, code):
    monkeypatch.setattr(
        figures, "FIGURES", {"tea": lambda: [Goal("pot / cup", taken, 1.4)], "rest": lambda: []}
    )
    assert figures.main([]) == code
    out = capsys.readouterr().out
    assert f"pot / cup: {taken:.2f} (goal: at least 1.4, {'MISSED' if code else 'met'})" in out
    assert "rest" in out
    assert figures.main(["rest"]) == 0


def test_goal_at_most():
    assert Goal("a / b", 1.1, 1.1, at_most=True).is_met
    assert not Goal("a / b", 1.11, 1.1, at_most=True).is_met


def test_ways_take_turns_and_the_first_run_does_not_count():
    calls = []
    ways = {name: lambda name=name: calls.append(name) for name in "abc"}
    seconds = figures.alternate(ways, 3)
    assert "".join(calls) == "abc" + "abc" + "bca" + "cab"
    assert {name: len(times) for name, times in seconds.items()} == {"a": 3, "b": 3, "c": 3}


def test_ratio_is_of_the_medians():
    ways = {"slow": lambda: time.sleep(0.02), "fast": lambda: time.sleep(0.01)}
    assert 1.2 < figures.ratio(figures.alternate(ways, 3), "slow", "fast") < 2.5
    assert figures.ratio({"a": [1, 2, 90], "b": [1, 1, 1]}, "a", "b") == 2


def test_machine_names_cores_and_python():
    assert " cores" in figures.machine()
    assert "Python 3." in figures.machine()


@pytest.mark.parametrize(("orientation", "size"), [(1, (800, 600)), (6, (450, 600))])
def test_every_way_does_the_same_work(orientation, size):
    photo = small(orientation)
    found = resize_figure.ways(photo)
    assert [*found][:3] == [resize_figure.OURS, resize_figure.ARTICLE, resize_figure.WHOLE]
    assert "libvips, 1 thread" in found
    for name, way in found.items():
        with Image.open(BytesIO(result := way())) as picture:
            assert (picture.format, picture.size) == ("JPEG", size), name
            profile = ImageCms.ImageCmsProfile(BytesIO(picture.info["icc_profile"]))
            assert "sRGB" in ImageCms.getProfileDescription(profile), name
            assert not picture.getexif(), name
            assert picture.layer[0][1:3] == (2, 2), f"{name} keeps half of the colour, as the others do"
        assert resize_figure.likeness(photo, result) > 35, name


def test_likeness_tells_a_good_picture_from_a_bad_one():
    photo = small()
    whole = resize_figure.decoded_whole(photo)
    rough, turned = BytesIO(), BytesIO()
    with Image.open(BytesIO(photo)) as picture:
        picture.resize((800, 600), Image.Resampling.NEAREST).save(rough, "JPEG", quality=85)
    with Image.open(BytesIO(whole)) as picture:
        picture.transpose(Image.Transpose.ROTATE_180).save(turned, "JPEG", quality=85)
    good, bad, wrong = (
        resize_figure.likeness(photo, result) for result in (whole, rough.getvalue(), turned.getvalue())
    )
    assert good > bad + 3 > wrong + 6


def test_ours_is_the_solution_of_lesson_01(tmp_path, monkeypatch):
    shutil.copytree(paths.SOLUTIONS / "01-sync/images", tmp_path / "01-sync/images")
    file = tmp_path / "01-sync/images/resizing.py"
    file.write_text(file.read_text() + "\n\ndef resize(*_):\n    raise ZeroDivisionError\n")
    monkeypatch.setattr(paths, "SOLUTIONS", tmp_path)
    with pytest.raises(ZeroDivisionError):
        resize_figure.ways(small())[resize_figure.OURS]()


def test_resize_figure_prints_a_table_and_its_goals(monkeypatch, capsys):
    monkeypatch.setattr(resize_figure, "ROUNDS", 1)
    monkeypatch.setattr(samples, "photo", lambda *_, **options: small(options["orientation"]))
    assert figures.main(["resize"]) in (0, 1)
    out = capsys.readouterr().out
    assert "800×600" in out
    assert "450×600" in out
    assert out.count(" / ours: ") == 2
    assert out.count("ours / libvips, 1 thread: ") == 2
    rows = [line for line in out.splitlines() if re.search(r"\d×\d", line)]
    assert len(rows) >= 8
    assert max(map(len, rows)) <= 80
    assert "…" not in out, "the tables fit a terminal of 80 columns"
    assert out.count("On fine lines") + out.count("on fine lines ours is") == 2


def test_without_libvips(monkeypatch):
    monkeypatch.setattr(resize_figure, "pyvips", None)
    with pytest.raises(WorkshopError, match="needs libvips"):
        resize_figure.measure()


@pytest.mark.parametrize(("ours", "said"), [(37.4, "as good as"), (28.8, "NOT the same picture: .* 8.6 dB")])
def test_pictures_that_are_not_equally_good_are_said(ours, said):
    likenesses = {resize_figure.OURS: (41.5, ours), "libvips, 1 thread": (41.7, 37.4)}
    assert re.search(said, resize_figure._remark(likenesses))


def test_fine_lines_show_a_shortcut():
    lines, shortcut = resize_figure.fine_lines(1), BytesIO()
    with Image.open(BytesIO(lines)) as picture:
        picture.draft(None, (800, 600))
        picture.resize((800, 600), Image.Resampling.LANCZOS).save(shortcut, "JPEG", quality=85)
    whole = resize_figure.likeness(lines, resize_figure.decoded_whole(lines))
    assert whole > resize_figure.likeness(lines, shortcut.getvalue()) + 5


def test_libvips_is_given_its_threads():
    threads = resize_figure.pyvips.concurrency_get()
    try:
        for count in (2, 1):
            resize_figure.libvips(small(), count)
            assert resize_figure.pyvips.concurrency_get() == count
    finally:
        resize_figure.pyvips.concurrency_set(threads)


def test_goals_and_remark_come_from_what_was_measured(monkeypatch, capsys):
    taken = {resize_figure.OURS: [1.0], resize_figure.ARTICLE: [1.5], resize_figure.WHOLE: [3.0]}
    lines = PHOTO(2000, 1500, seed=2)
    monkeypatch.setattr(samples, "photo", lambda *_, **options: small(options["orientation"]))
    monkeypatch.setattr(resize_figure, "fine_lines", lambda orientation: lines)
    monkeypatch.setattr(resize_figure, "alternate", lambda ways, _: {n: taken.get(n, [0.8]) for n in ways})
    ours = resize_figure.ways(lines)[resize_figure.OURS]()
    on_lines = lambda photo, result: 40.0 if photo != lines else 30.0 if result == ours else 37.0  # noqa: E731
    monkeypatch.setattr(resize_figure, "likeness", on_lines)
    goals = {goal.what: goal for goal in resize_figure.measure()}
    assert goals["lying: the article's calls / ours"] == Goal("lying: the article's calls / ours", 1.5, 1.4)
    libvips = goals["to be turned: ours / libvips, 1 thread"]
    assert (libvips.ratio, libvips.limit, libvips.is_met) == (1.25, 1.1, False)
    assert "on fine lines ours is 7.0 dB behind libvips" in capsys.readouterr().out


def test_goal_that_is_no_ratio():
    goal = Goal("check of 01-sync", 2.689, 3.0, at_most=True, unit="s")
    assert str(goal) == "check of 01-sync: 2.69 s (goal: at most 3 s, met)"


def test_spread():
    assert figures.spread([2.0, 1.0, 4.0]) == "median 2.00 s, 1.00 to 4.00 s, 3 runs"


def test_seconds_that_a_way_measures_itself_are_taken_over():
    numbers = iter([9.0, 1.0, 2.0])
    assert figures.in_turn({"a": lambda: next(numbers)}, 2) == {"a": [1.0, 2.0]}


def test_check_is_timed_on_a_solved_lesson(monkeypatch, capsys):
    monkeypatch.setattr(check_figure, "ROUNDS", 1)
    monkeypatch.setattr(check_figure, "GOALS", {"01-sync": 0.1})
    (goal,) = check_figure.measure()
    assert (goal.what, goal.unit, goal.is_met) == ("check of 01-sync", "s", False)
    assert goal.ratio > 0.5
    assert f"./workshop check solutions/01-sync: median {goal.ratio:.2f} s" in capsys.readouterr().out


def test_a_check_that_fails_is_not_timed():
    with pytest.raises(WorkshopError, match=r"lessons/01-sync does not pass its checks(.|\n)*1\.1"):
        check_figure.check(paths.LESSONS / "01-sync")


def test_up_is_compared_with_its_slowest_process(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(up_figure, "ROUNDS", 1)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("REDIS_URL", "redis://localhost:1/0")
    (goal,) = up_figure.measure()
    found = dict(re.findall(r"  (.+?)(?: alone)?: median ([\d.]+) s", capsys.readouterr().out))
    seconds = {name: float(found[name]) for name in ("the second ./workshop up 03-images", "web", "worker")}
    up = seconds.pop("the second ./workshop up 03-images")
    slowest = max(seconds, key=seconds.get)
    assert (goal.what, goal.limit, goal.at_most) == (f"up / {slowest} alone", 1.5, True)
    assert min(up, *seconds.values()) > 0.1, "one of them was not started"
    assert goal.ratio == pytest.approx(up / seconds[slowest], abs=0.05)
    assert list(tmp_path.iterdir()) == []


def test_seconds_until_a_text():
    code = "import time; print('not yet'); time.sleep(0.3); print('it is ready now'); time.sleep(60)"
    seconds = up_figure.seconds_until("ready", [sys.executable, "-uc", code], paths.ROOT, dict(os.environ))
    assert 0.3 < seconds < 20
    with pytest.raises(WorkshopError, match=r"never wrote 'ready'.(.|\n)*only this"):
        up_figure.seconds_until("ready", ["echo", "only this"], paths.ROOT, dict(os.environ))
